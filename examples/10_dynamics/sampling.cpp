#include "sampling.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace study {
namespace {

namespace dyn = crest::dynamics;

Tokens ellipse(Index n, Index stride) {
  Tokens z(n, 2);
  for (Index i = 0; i < n; ++i) {
    const double turn = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n);
    z.row(i * stride % n) << static_cast<float>(3 * std::cos(turn)), static_cast<float>(std::sin(turn));
  }
  return z;
}

Tokens by_angle(const Tokens& z) {
  std::vector<Index> order(z.rows());
  for (Index i = 0; i < z.rows(); ++i) order[i] = i;
  const auto angle = [&](Index i) { return std::atan2(z(i, 1), z(i, 0)); };
  std::sort(order.begin(), order.end(), [&](Index i, Index j) { return angle(i) < angle(j); });
  return z(order, Eigen::all);
}

/// Where tokens come to rest.
template <class N>
Tokens settled(Tokens z, const Rule& rule, const N& normaliser) {
  must_be_ok(dyn::run(z, rule, normaliser, {.steps = 150, .rest = 1e-5f}).status);
  return z;
}

/// One start.
Sampling compare(const Tokens& z) {
  const Rule rule = plain_start(0, z.cols(), 0).rule;
  const auto sampled = dyn::sampled(dyn::hardmax);
  const auto n = static_cast<double>(z.rows());
  dyn::Alignment all, some;
  must_be_ok(dyn::align(z, z, rule, dyn::hardmax, all));
  must_be_ok(dyn::align(z, z, rule, sampled, some));
  Sampling s{.scored = static_cast<double>(some.scores) / (n * n)};
  for (Index i = 0; i < z.rows(); ++i) s.astray += (all.target[i] != some.target[i]) / n;
  const Tokens end = settled(z, rule, dyn::hardmax), sampled_end = settled(z, rule, sampled);
  const auto apart = (end - sampled_end).rowwise().norm().array() > together * size(z);
  s.elsewhere = static_cast<double>(apart.count()) / n;
  s.clusters = static_cast<double>(count_clusters(end));
  s.sampled_clusters = static_cast<double>(count_clusters(sampled_end));
  s.changed = s.clusters != s.sampled_clusters;
  return s;
}

/// The mean over starts; `start` makes the i-th.
template <class Make>
Sampling compare(const std::string& name, Index starts, crest::Pool& pool, Make&& start) {
  std::vector<Sampling> parts(starts);
  pool.parallel(starts, [&](Index, Index i) { parts[i] = compare(start(i)); });
  Sampling mean{.tokens = name, .d = start(Index{0}).cols(), .starts = starts};
  for (double Sampling::*field : {&Sampling::scored, &Sampling::astray, &Sampling::elsewhere, &Sampling::clusters,
                                  &Sampling::sampled_clusters, &Sampling::changed})
    for (const Sampling& s : parts) mean.*field += s.*field / static_cast<double>(starts);
  return mean;
}

}  // namespace

std::vector<Sampling> compare_sampling(Index n, Index starts, crest::Pool& pool) {
  std::vector<Sampling> all;
  for (Index d : {2, 3, 4, 8, 16})
    all.push_back(compare("cloud", starts, pool, [&](Index i) { return plain_start(n, d, 5 + i).tokens; }));
  const Tokens cloud = plain_start(n, 2, 5).tokens;
  all.push_back(compare("cloud, by angle", 1, pool, [&](Index) { return by_angle(cloud); }));
  all.push_back(compare("ellipse, in order", 1, pool, [&](Index) { return ellipse(n, 1); }));
  all.push_back(compare("ellipse, shuffled", 1, pool, [&](Index) { return ellipse(n, 1237); }));
  return all;
}

}  // namespace study
