#include "neighbours.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace frontier {
namespace {

/// A row, and where its maximum is.
struct Peaked {
  std::span<const double> s;
  Index peak;

  Index size() const { return static_cast<Index>(s.size()); }
  bool reaches(Index key, double floor) const { return key >= 0 && key < size() && s[key] >= floor; }
  /// Keys within +-k of the peak, itself not counted.
  Index within(Index k) const { return std::min(peak, k) + std::min(size() - 1 - peak, k); }
  /// How far the nearest key of at least `floor` is from the peak; beyond the reach when none is near.
  Index nearest(double floor) const {
    Index d = 1;
    while (d <= Neighbours::reach && !reaches(peak - d, floor) && !reaches(peak + d, floor)) ++d;
    return d;
  }
};

/// The lowest score that counts as `ratio` of the peak.
double floor_of(Neighbours::Size size, double peak, double ratio) {
  if (size == Neighbours::weights) return peak + std::log(ratio);
  return peak > 0 ? ratio * peak : std::numeric_limits<double>::infinity();
}

/// Probability that `draws` of `others` keys, none drawn twice, meet one of `good`.
double chance(Index others, Index good, Index draws) {
  double miss = 1;
  for (Index i = 0; i < draws; ++i)
    miss *= static_cast<double>(std::max<Index>(others - good - i, 0)) / static_cast<double>(others - i);
  return 1 - miss;
}

void add_ratio(const Peaked& row, double floor, int ratio, Neighbours::Sums& sums) {
  const auto count = std::count_if(row.s.begin(), row.s.end(), [&](double x) { return x >= floor; });
  const Index nearest = row.nearest(floor), good = std::max<Index>(count - 1, 0);
  for (Index k = 1; k <= Neighbours::reach; ++k) {
    sums.found[ratio][k - 1] += nearest <= k;
    sums.by_chance[ratio][k - 1] += chance(row.size() - 1, good, row.within(k));
  }
}

}  // namespace

void Neighbours::add_row(std::span<const double> scores) {
  for (Keys keys : {without_sinks, all_keys}) {
    const std::span<const double> s = keys == all_keys ? scores : scores.subspan(std::min<Index>(sinks, scores.size()));
    if (s.size() < 2) continue;
    const Peaked row{s, std::max_element(s.begin(), s.end()) - s.begin()};
    for (Size size : {weights, raw_scores}) {
      ++of[size][keys].rows;
      for (int r = 0; r < 4; ++r) add_ratio(row, floor_of(size, s[row.peak], ratios[r]), r, of[size][keys]);
    }
  }
}

void Neighbours::Sums::add(const Sums& more) {
  rows += more.rows;
  for (int r = 0; r < 4; ++r)
    for (Index k = 0; k < reach; ++k) {
      found[r][k] += more.found[r][k];
      by_chance[r][k] += more.by_chance[r][k];
    }
}

void Neighbours::add(const Neighbours& more) {
  for (Size size : {weights, raw_scores})
    for (Keys keys : {without_sinks, all_keys}) of[size][keys].add(more.of[size][keys]);
}

}  // namespace frontier
