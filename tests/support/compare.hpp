// Comparisons with the oracle. A NaN where the oracle has none makes a distance NaN, and `distance <= tolerance` false.
#pragma once

#include <gtest/gtest.h>

#include "oracle.hpp"

namespace test {

using crest::Index;
using crest::Problem;

/// Exact recipes against double. Float scores of a few nats to 25 nats carry an error of about 1e-6 nats, the weights
/// as much relative error, and sums of a few thousand terms a little more; averaging over keys shrinks errors and
/// output alike. Measured worst case over the matrix: below a third of this.
inline constexpr double exact_tolerance = 2e-5;

/// The larger of two distances; NaN if either is.
inline double worse(double a, double b) { return std::isnan(a) || a > b ? a : b; }

/// |o - wanted| / |wanted|; the absolute error where nothing is wanted. Where the values happen to cancel, the length
/// the output would have without that accident takes the place of |wanted|: rounding errors do not cancel with the
/// values.
template <class T>
double relative_l2(const Problem<T>& p, Index head, Index query, const oracle::Row& wanted) {
  double difference = 0, norm = 0;
  for (Index x = 0; x < p.value_dim(); ++x) {
    const double d = oracle::element(p.o, head, query, x) - wanted.o[x];
    difference += d * d;
    norm += wanted.o[x] * wanted.o[x];
  }
  const double length = std::max(std::sqrt(norm), wanted.size);
  return length > 0 ? std::sqrt(difference) / length : std::sqrt(difference);
}

/// One element of lse or error, whatever its alignment.
inline float row_value(const crest::TensorView<float, 2>& t, Index head, Index query) {
  float value;
  std::memcpy(&value, t.data_handle() + head * t.stride(0) + query * t.stride(1), sizeof value);
  return value;
}

/// Difference of two log-sum-exps in units of max(1, |wanted|); two equal infinities are 0 apart.
inline double lse_distance(double lse, double wanted) {
  return lse == wanted ? 0 : std::abs(lse - wanted) / std::max(1.0, std::abs(wanted));
}

/// Largest distances over all rows.
struct Distance {
  double o = 0, lse = 0;
};

template <class T>
Distance distance(const Problem<T>& p, const std::vector<oracle::Row>& wanted) {
  Distance d;
  for (Index head = 0; head < p.heads(); ++head)
    for (Index query = 0; query < p.queries(); ++query) {
      const oracle::Row& row = wanted[head * p.queries() + query];
      d.o = worse(d.o, relative_l2(p, head, query, row));
      if (p.lse.data_handle()) d.lse = worse(d.lse, lse_distance(row_value(p.lse, head, query), row.lse));
    }
  return d;
}

template <class T>
void expect_close(const Problem<T>& p, const std::vector<oracle::Row>& wanted, double tolerance = exact_tolerance) {
  const Distance d = distance(p, wanted);
  EXPECT_LE(d.o, tolerance) << "output";
  EXPECT_LE(d.lse, tolerance) << "log-sum-exp";
}
template <class T>
void expect_close(const Problem<T>& p, double tolerance = exact_tolerance) {
  expect_close(p, oracle::solve(p), tolerance);
}

}  // namespace test
