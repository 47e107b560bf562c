#include "slow_frontier.hpp"

#include <algorithm>
#include <cmath>

namespace demo_test {
namespace {

using Row = std::vector<double>;

bool counts(double score, double peak, double ratio, bool raw) {
  return raw ? peak > 0 && score / peak >= ratio : std::exp(score - peak) >= ratio;
}

/// log of n choose k.
double log_choose(double n, double k) { return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1); }

/// One row at one ratio and distance.
void look(const Row& s, long at, double ratio, bool raw, long k, double& found, double& by_chance) {
  const long n = static_cast<long>(s.size());
  long near = 0, good_near = 0, good = 0;
  for (long j = 0; j < n; ++j) {
    if (j == at) continue;
    const bool heavy = counts(s[j], s[at], ratio, raw), close = std::abs(j - at) <= k;
    good += heavy;
    near += close;
    good_near += heavy && close;
  }
  found += good_near > 0;
  const double bad = static_cast<double>(n - 1 - good), draws = static_cast<double>(near);
  by_chance += bad < draws ? 1 : 1 - std::exp(log_choose(bad, draws) - log_choose(static_cast<double>(n - 1), draws));
}

Row steps_of(const Row& s) {
  Row steps;
  for (std::size_t j = 1; j < s.size(); ++j) steps.push_back(std::fabs(s[j] - s[j - 1]));
  return steps;
}

}  // namespace

std::vector<Row> all_scores(const SlowLayer& layer) {
  std::vector<Row> rows;
  for (long query = 0; query < layer.queries(); ++query)
    for (long head = 0; head < layer.heads; ++head) rows.push_back(layer.scores(head, query));
  return rows;
}

SlowNeighbours slow_neighbours(const std::vector<Row>& rows, bool raw, std::size_t first) {
  SlowNeighbours all;
  constexpr double ratios[] = {0.8, 0.9, 0.95, 0.99};
  for (const Row& row : rows) {
    const Row s(row.begin() + static_cast<long>(std::min(first, row.size())), row.end());
    if (s.size() < 2) continue;
    ++all.rows;
    const long at = std::max_element(s.begin(), s.end()) - s.begin();
    for (std::size_t r = 0; r < 4; ++r)
      for (std::size_t k = 0; k < 8; ++k)
        look(s, at, ratios[r], raw, static_cast<long>(k) + 1, all.found[r][k], all.by_chance[r][k]);
  }
  for (auto* table : {&all.found, &all.by_chance})
    for (auto& line : *table)
      for (double& x : line) x /= all.rows;
  return all;
}

SlowSteps slow_steps(const std::vector<Row>& rows) {
  Row medians, high;
  double largest = 0;
  for (const Row& s : rows) {
    if (s.size() < 2) continue;
    medians.push_back(quantile(steps_of(s), 0.5));
    high.push_back(quantile(steps_of(s), 0.95));
    largest = std::max(largest, quantile(steps_of(s), 1));
  }
  return {mean(medians), mean(high), largest};
}

SlowMiss slow_miss(const std::vector<Row>& rows, std::size_t stride) {
  Row misses, bounds;
  for (const Row& s : rows) {
    if (s.size() < 2) continue;
    double best = s[0];
    for (std::size_t j = 0; j < s.size(); ++j)
      if (j % stride == 0) best = std::max(best, s[j]);
    misses.push_back(*std::max_element(s.begin(), s.end()) - best);
    bounds.push_back(quantile(steps_of(s), 1) * static_cast<double>(stride));
  }
  return {mean(misses), quantile(misses, 0.99), mean(bounds)};
}

}  // namespace demo_test
