// Random tokens and matrices, and the dynamics in double as one writes them down.
#pragma once

#include <gtest/gtest.h>

#include "crest/dynamics/dynamics.hpp"
#include "support/random.hpp"

namespace test {

using crest::dynamics::Alignment;
using crest::dynamics::Rule;
using crest::dynamics::Tokens;

inline Tokens random_tokens(Index n, Index d, std::uint64_t seed) {
  Random random(seed);
  Tokens z(n, d);
  for (Index i = 0; i < z.size(); ++i) z.data()[i] = random.normal();
  return z;
}

/// b b^T + 1/10: symmetric to the last bit, positive definite.
inline Eigen::MatrixXf random_definite(Index d, std::uint64_t seed) {
  const Eigen::MatrixXf b = random_tokens(d, d, seed);
  Eigen::MatrixXf a = b * b.transpose() + 0.1f * Eigen::MatrixXf::Identity(d, d);
  return a.triangularView<Eigen::Lower>() = a.transpose(), a;
}

inline Rule plain_rule(Index d, float alpha = 0.1f) { return {Eigen::MatrixXf::Identity(d, d), alpha}; }
inline Rule random_rule(Index d, std::uint64_t seed) { return {random_definite(d, seed), 0.1f}; }

/// The weighted means of all tokens: `weigh(scores, highest)` turns a row of scores into weights, not normalised.
template <class Weigh>
Eigen::MatrixXd reference_means(const Tokens& z, const Rule& rule, Weigh&& weigh) {
  const Eigen::MatrixXd tokens = z.cast<double>(), scores = tokens * rule.a.cast<double>() * tokens.transpose();
  Eigen::MatrixXd means(z.rows(), z.cols());
  for (Index i = 0; i < z.rows(); ++i) {
    const Eigen::ArrayXd w = weigh(scores.row(i).transpose().array().eval(), scores.row(i).maxCoeff());
    means.row(i) = w.matrix().transpose() * tokens / w.sum();
  }
  return means;
}

/// What draws the tokens; the call must succeed.
template <class N>
Alignment aligned(const Tokens& z, const Rule& rule, const N& normaliser) {
  Alignment seen;
  EXPECT_EQ(crest::dynamics::check(z, rule), crest::Status::ok);
  EXPECT_EQ(crest::dynamics::align(z, z, rule, normaliser, seen), crest::Status::ok);
  return seen;
}

/// Steps that must succeed.
template <class N>
Alignment stepped(Tokens& z, const Rule& rule, const N& normaliser, Index steps = 1) {
  Alignment seen;
  for (Index i = 0; i < steps; ++i) EXPECT_EQ(step(z, rule, normaliser, seen), crest::Status::ok);
  return seen;
}

}  // namespace test
