// How Problems become items and groups: plain host code, the same for a device and for its emulation.
#pragma once

#include <algorithm>
#include <cmath>

#include "crest/ascend/tiling.h"
#include "crest/core/kv_rows.hpp"
#include "crest/core/work.hpp"

namespace crest {
namespace ascend {
inline namespace CREST_ABI {

/// Query heads that share a KV head at one query, at most max_heads of them: one group on the device.
struct Bundle {
  Index problem, query, kv_head;
  Index head, heads;  ///< query heads [head, head + heads)
  Index row;          ///< of `head` among all rows: problem by problem, query by query, head by head
};

/// Calls f(bundle) for all bundles, in the order of rows.
template <class T, class F>
void for_each_bundle(std::span<const Problem<T>> problems, F&& f) {
  Index row = 0;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const Problem<T>& p = problems[i];
    for (Index query = 0; query < p.queries(); ++query)
      for (Index head = 0; head < p.heads();) {
        const Index group = p.gqa_group(), heads = std::min<Index>(max_heads, group - head % group);
        f(Bundle{static_cast<Index>(i), query, head / group, head, heads, row});
        row += heads;
        head += heads;
      }
  }
}

/// Keys are cut on a grid of this length, and at the ends of the ranges a query sees.
struct Grid {
  Index keys = 1;

  /// Calls f(piece) for every piece of the visible ranges.
  template <class F>
  void for_each_piece(std::span<const KeyRange> visible, F&& f) const {
    for (KeyRange r : visible)
      for (Index at = r.first; at < r.last;) {
        const Index end = std::min(r.last, (at / keys + 1) * keys);
        f(KeyRange{at, end});
        at = end;
      }
  }
};

/// What the cut must respect: a multiple of `align` keys, at least `least` (below that a record is not worth its
/// bytes), at most `most` (0: any length).
struct GridLimits {
  Index align = 1, least = 512, most = 0;
};

/// About 48 items keep the vector cores of the largest chip busy. The cut depends on the problems alone, never on the
/// chip.
template <class T>
Grid grid(std::span<const Problem<T>> problems, GridLimits limits) {
  constexpr Index wanted_items = 48;
  Index bundles = 0, longest = 1;
  for_each_bundle(problems, [&](const Bundle& b) {
    ++bundles;
    longest = std::max(longest, problems[b.problem].keys());
  });
  const Index pieces = divide_up(wanted_items, std::max<Index>(bundles, 1));
  Index keys = round_up(std::max(limits.least, divide_up(longest, pieces)), limits.align);
  if (limits.most > 0) keys = std::min(keys, limits.most / limits.align * limits.align);
  return {keys};
}

/// Rounds rows to int8, the largest finite magnitude to 127, and returns what a unit is worth. What is not finite
/// becomes 127: a sketch cannot show it.
inline float sketch_rows(std::span<const f16> rows, std::int8_t* to) {
  float most = 0;
  for (f16 x : rows)
    if (std::isfinite(to_float(x))) most = std::max(most, std::abs(to_float(x)));
  const float unit = most > 0 ? most / 127 : 1.0f;
  for (f16 x : rows) {
    const float units = std::round(to_float(x) / unit);
    *to++ = static_cast<std::int8_t>(std::abs(units) <= 127 ? units : 127.0f);
  }
  return unit;
}

/// Sampled cells that fit an item of `heads` query heads.
inline Index most_cells(Index heads) { return max_samples / (heads * 64) * 64; }

/// Clustered recipes cut at cells, into pieces that dwarf the windows of a piece, and whose samples fit.
template <class T>
GridLimits clustered_limits(std::span<const Problem<T>> problems, Index step) {
  constexpr Index least_keys = 4096;
  Index heads = 1;
  for_each_bundle(problems, [&](const Bundle& b) { heads = std::max(heads, b.heads); });
  return {.align = step, .least = least_keys, .most = step * most_cells(heads)};
}

/// First and last visible keys that a clustered recipe always uses: below `until`, and from `from` on.
struct Kept {
  Index until = 0, from = 0;
};
inline Kept always_kept(std::span<const KeyRange> visible, Index first, Index last) {
  Kept kept{0, visible.empty() ? 0 : visible.back().last};
  for (std::size_t i = 0; i < visible.size() && first > 0; ++i) {
    kept.until = std::min(visible[i].last, visible[i].first + first);
    first -= length(visible[i]);
  }
  for (std::size_t i = visible.size(); i-- > 0 && last > 0;) {
    kept.from = std::max(visible[i].first, visible[i].last - last);
    last -= length(visible[i]);
  }
  return kept;
}

}  // namespace CREST_ABI
}  // namespace ascend
}  // namespace crest
