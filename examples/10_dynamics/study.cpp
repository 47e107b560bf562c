#include "study.hpp"

#include <cmath>
#include <random>
#include <stdexcept>

#include "../common/format.hpp"

namespace study {

namespace dyn = crest::dynamics;
using dyn::Alignment;

namespace {

Tokens normal_tokens(Index n, Index d, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  return Tokens::NullaryExpr(n, d, [&] { return normal(random); });
}

/// Steps until nothing moves; returns how many.
Index settle(Tokens& z, const Rule& rule, dyn::Followers& followers) {
  constexpr Index most = 500;
  for (Index t = 1; t <= most; ++t) {
    const Tokens before = z;
    must_be_ok(followers.step(z, rule));
    if ((z - before).cwiseAbs().maxCoeff() <= 1e-6f * size(z)) return t;
  }
  return most;
}

std::vector<Index> leaders_of(const dyn::Followers& followers, Index n) {
  std::vector<Index> leaders;
  for (Index i = 0; i < n; ++i)
    if (followers.leader_of(i) == i) leaders.push_back(i);
  return leaders;
}

bool any_near(const Tokens& z, const std::vector<Index>& some, const Eigen::RowVectorXf& point, float radius) {
  return std::any_of(some.begin(), some.end(), [&](Index i) { return (z.row(i) - point).norm() <= radius; });
}

/// How many leaders are no vertices of the final polytope, and vertices no leaders. In 2 and 3 dimensions.
Index count_misplaced(const Tokens& z, const std::vector<Index>& leaders) {
  const float radius = together * size(z);
  const Tokens centres = z(dyn::clusters(z, radius).first, Eigen::all);
  const std::vector<Index> vertices = dyn::hull_vertices(centres);
  Index misplaced = 0;
  for (Index l : leaders) misplaced += !any_near(centres, vertices, z.row(l), radius);
  for (Index v : vertices) misplaced += !any_near(z, leaders, centres.row(v), radius);
  return misplaced;
}

/// How far a full step moves one of the leaders.
double furthest_move(Tokens z, const Rule& rule, const std::vector<Index>& leaders) {
  const Tokens before = z(leaders, Eigen::all);
  Alignment seen;
  must_be_ok(dyn::step(z, rule, dyn::hardmax, seen));
  return double{(Tokens(z(leaders, Eigen::all)) - before).rowwise().norm().maxCoeff()};
}

void add(Census& c, const Start& start) {
  Tokens z = start.tokens;
  dyn::Followers followers;
  c.steps += static_cast<double>(settle(z, start.rule, followers));
  const std::vector<Index> leaders = leaders_of(followers, c.n);
  const float radius = together * size(z);
  Index apart = 0;
  for (Index i = 0; i < c.n; ++i) apart += followers.leader_of(i) < 0 && !any_near(z, leaders, z.row(i), radius);
  c.apart += static_cast<double>(apart) / static_cast<double>(c.n);
  c.leaders += static_cast<double>(leaders.size());
  c.clusters += static_cast<double>(count_clusters(z));
  c.moved = furthest_move(z, start.rule, leaders);
  if (c.d <= 3) c.misplaced += count_misplaced(z, leaders);
}

/// Ends one localmax run and notes what it came to.
template <class N>
void add(Sensitivity& s, Start start, const N& normaliser) {
  Tokens& z = start.tokens;
  const dyn::Run run = dyn::run(z, start.rule, normaliser, {.steps = 400, .rest = -1});
  must_be_ok(run.status);
  Alignment hard;
  must_be_ok(dyn::align(z, z, start.rule, dyn::hardmax, hard));
  const bool rests = run.pull <= 1e-5f * size(z);
  s.clusters += static_cast<double>(count_clusters(z));
  s.at_rest += rests;
  s.quiescent += rests && dyn::pull(z, hard) > 1e-2f * size(z);
}

template <class N>
Sensitivity interpolate(const std::string& name, Index n, Index starts, const N& normaliser) {
  Sensitivity s{.name = name};
  for (Index i = 0; i < starts; ++i) {
    Start start = plain_start(n, 2, 1000 + i);
    start.rule.alpha = 0.5f;
    add(s, std::move(start), normaliser);
  }
  for (double* mean : {&s.clusters, &s.at_rest, &s.quiescent}) *mean /= static_cast<double>(starts);
  return s;
}

}  // namespace

float size(const Tokens& z) { return z.rowwise().norm().maxCoeff(); }
Index count_clusters(const Tokens& z) { return dyn::clusters(z, together * size(z)).count(); }

void must_be_ok(crest::Status status) {
  if (status != crest::Status::ok) throw std::runtime_error(crest::to_string(status));
}

Start plain_start(Index n, Index d, std::uint64_t seed) {
  return {normal_tokens(n, d, seed), {Eigen::MatrixXf::Identity(d, d), 0.1f}};
}

Start random_start(Index n, Index d, std::uint64_t seed) {
  const Eigen::MatrixXf b = normal_tokens(d, d, ~seed);
  Eigen::MatrixXf a = b * b.transpose() + 0.1f * Eigen::MatrixXf::Identity(d, d);
  a.triangularView<Eigen::StrictlyLower>() = a.transpose();
  return {normal_tokens(n, d, seed), {a, 0.5f}};
}

History watch(Start start) {
  History h;
  dyn::Followers followers;
  h.frames.push_back(start.tokens);
  const auto moved = [&] { return (h.frames.back() - h.frames.end()[-2]).cwiseAbs().maxCoeff(); };
  do {
    must_be_ok(followers.step(start.tokens, start.rule));
    h.frames.push_back(start.tokens);
  } while (moved() > 1e-5f && h.frames.size() < 300);
  h.leaders = leaders_of(followers, start.tokens.rows());
  h.clusters = count_clusters(start.tokens);
  return h;
}

Census take_census(Index n, Index d, Index starts, crest::Pool& pool) {
  std::vector<Census> parts(starts, Census{.n = n, .d = d});
  pool.parallel(starts, [&](Index, Index i) { add(parts[i], random_start(n, d, 97 * d + i)); });
  Census all{.n = n, .d = d, .starts = starts};
  for (const Census& c : parts) {
    all.leaders += c.leaders / static_cast<double>(starts);
    all.clusters += c.clusters / static_cast<double>(starts);
    all.apart += c.apart / static_cast<double>(starts);
    all.steps += c.steps / static_cast<double>(starts);
    all.moved = std::max(all.moved, c.moved);
    all.misplaced += c.misplaced;
  }
  return all;
}

std::vector<double> growth(Start start, Index steps) {
  start.rule.normalised = false;
  const double first = size(start.tokens);
  std::vector<double> norms{1};
  Alignment seen;
  for (Index t = 0; t < steps; ++t) {
    must_be_ok(dyn::step(start.tokens, start.rule, dyn::hardmax, seen));
    norms.push_back(size(start.tokens) / first);
  }
  return norms;
}

std::vector<Sensitivity> interpolate(Index n, Index starts) {
  std::vector<Sensitivity> all;
  for (float eps : {0.0f, 0.01f, 0.1f, 0.3f, 1.0f, 3.0f, 10.0f})
    all.push_back(interpolate("constant " + demo::fixed(eps, 2), n, starts, dyn::localmax(eps)));
  for (float share : {0.01f, 0.1f, 0.5f})
    all.push_back(interpolate("relative " + demo::fixed(share, 2), n, starts, dyn::localmax_relative(share)));
  const auto vanishing = [](Index t) { return dyn::localmax(1 / (1 + static_cast<float>(t))); };
  all.push_back(interpolate("1 / (1 + t)", n, starts, vanishing));
  return all;
}

std::vector<Cooled> cool(const Start& start) {
  Alignment hard, soft;
  must_be_ok(dyn::align(start.tokens, start.tokens, start.rule, dyn::hardmax, hard));
  std::vector<Cooled> curve;
  for (double t = 10; t > 5e-5; t /= std::sqrt(10.0)) {
    must_be_ok(dyn::align(start.tokens, start.tokens, start.rule, dyn::softmax(static_cast<float>(t)), soft));
    curve.push_back({t, double{(soft.mean - hard.mean).norm() / hard.mean.norm()}});
  }
  return curve;
}

}  // namespace study
