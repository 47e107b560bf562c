#include "recompute.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "slow_layer.hpp"

namespace demo_test {
namespace {

/// Scores of the heads of a group at one query, [head][key].
using Scores = std::vector<std::vector<double>>;

std::set<long> scored_keys(const Scores& s, const Clustered& c) {
  const long n = static_cast<long>(s[0].size());
  std::set<long> scored;
  for (long j = 0; j < n; ++j)
    if (j % c.stride == 0 || j < c.first || j >= n - c.last) scored.insert(j);
  const std::vector<long> before(scored.begin(), scored.end());
  for (const std::vector<double>& head : s) {
    std::vector<long> best = before;
    std::stable_sort(best.begin(), best.end(), [&](long a, long b) { return head[a] > head[b]; });
    best.resize(std::min<std::size_t>(best.size(), c.peaks));
    for (long peak : best)
      for (long j = std::max(0L, peak - c.reach); j <= std::min(n - 1, peak + c.reach); ++j) scored.insert(j);
  }
  return scored;
}

std::vector<long> kept_keys(const Scores& s, const std::set<long>& scored, const Clustered& c) {
  const long n = static_cast<long>(s[0].size());
  std::set<long> kept;
  for (const std::vector<double>& head : s) {
    double peak = -1e300;
    for (long j : scored) peak = std::max(peak, head[j]);
    for (long j : scored)
      if (head[j] >= peak - c.drop || j < c.first || j >= n - c.last) kept.insert(j);
  }
  return {kept.begin(), kept.end()};
}

/// Sums over rows.
struct Sums {
  double used = 0, visible = 0, found = 0, missed = 0;
  std::vector<double> errors;

  void add_row(const SlowLayer& t, long head, const std::vector<double>& s, const std::set<long>& scored,
               const std::vector<long>& kept) {
    std::vector<long> all(s.size());
    std::iota(all.begin(), all.end(), 0L);
    const auto peak = std::max_element(s.begin(), s.end());
    const Output exact = t.attend(head, s, all, *peak), cheap = t.attend(head, s, kept, *peak);
    errors.push_back(relative_error(cheap.o, exact.o));
    used += static_cast<double>(kept.size());
    visible += static_cast<double>(s.size());
    found += scored.contains(peak - s.begin());
    missed += 1 - cheap.sum / exact.sum;
  }

  Line line() const {
    const auto rows = static_cast<double>(errors.size());
    return {used / visible, mean(errors), quantile(errors, 0.95), found / rows, missed / rows};
  }
};

}  // namespace

Line recompute(const std::filesystem::path& trace, int layer, const Clustered& recipe) {
  const SlowLayer t(trace, layer);
  Sums sums;
  for (long query = 0; query < t.queries(); ++query)
    for (long kv_head = 0; kv_head < t.kv_heads; ++kv_head) {
      Scores s;
      for (long h = 0; h < t.group(); ++h) s.push_back(t.scores(kv_head * t.group() + h, query));
      const std::set<long> scored = scored_keys(s, recipe);
      const std::vector<long> kept = kept_keys(s, scored, recipe);
      for (long h = 0; h < t.group(); ++h) sums.add_row(t, kv_head * t.group() + h, s[h], scored, kept);
    }
  return sums.line();
}

}  // namespace demo_test
