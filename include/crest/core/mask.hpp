// Masks are ranges of keys, so that masked keys are never read.
#pragma once

#include <algorithm>
#include <span>

#include "crest/core/view.hpp"

namespace crest {
inline namespace v0 {

/// Those of some sorted ranges that reach into `clip`.
CREST_INLINE std::span<const KeyRange> reaching_into(std::span<const KeyRange> ranges, KeyRange clip) {
  const KeyRange* last = ranges.data() + ranges.size();
  const KeyRange* from = std::partition_point(ranges.data(), last, [&](KeyRange r) { return r.last <= clip.first; });
  return {from, std::partition_point(from, last, [&](KeyRange r) { return r.first < clip.last; })};
}

/// Numbers the keys of some sorted ranges without the hole behind the first range, so that what is kept per key takes
/// memory for what a query sees (sinks and a window, say), not for the whole cache.
struct Places {
  Index first = 0, cut = 0, hole = 0;
  Index count = 0;  ///< places there are

  Places() = default;
  CREST_INLINE constexpr explicit Places(std::span<const KeyRange> ranges) {
    if (ranges.empty()) return;
    first = ranges.front().first, cut = ranges.front().last;
    hole = ranges.size() > 1 ? ranges[1].first - cut : 0;
    count = ranges.back().last - first - hole;
  }
  /// Place of a key of the ranges.
  CREST_INLINE constexpr Index operator()(Index key) const { return key - first - (key < cut ? 0 : hole); }
};

/// Which keys a query sees. `causal` is bottom-right aligned: query i of m sees keys j <= n - m + i. A window w > 0
/// leaves only the last w of those; the first `sinks` keys stay visible to whoever could see them before the window.
struct Mask {
  bool causal = false;
  Index window = 0;
  Index sinks = 0;
};

/// The at most two ranges a Mask leaves: sinks and window, sorted, disjoint, possibly empty.
struct MaskRanges {
  KeyRange range[2];
  int count = 0;

  CREST_INLINE constexpr std::span<const KeyRange> span() const { return {range, static_cast<std::size_t>(count)}; }
};

/// Ranges seen by query `i` of `queries` over `keys` keys.
CREST_INLINE constexpr MaskRanges visible_keys(const Mask& mask, Index i, Index queries, Index keys) {
  const Index end = std::clamp<Index>(mask.causal ? keys - queries + i + 1 : keys, 0, keys);
  const Index begin = mask.window > 0 ? std::max<Index>(0, end - mask.window) : 0;
  const Index sinks = std::min(mask.sinks, begin);
  MaskRanges r;
  if (sinks > 0) r.range[r.count++] = {0, sinks};
  if (end > begin) r.range[r.count++] = {begin, end};
  return r;
}

/// Ranges seen by any of the queries [some.first, some.last): windows of neighbours touch, so the first and the last
/// query tell.
CREST_INLINE constexpr MaskRanges visible_to_any(const Mask& mask, KeyRange some, Index queries, Index keys) {
  MaskRanges r;
  if (length(some) <= 0) return r;
  const MaskRanges first = visible_keys(mask, some.first, queries, keys),
                   last = visible_keys(mask, some.last - 1, queries, keys);
  if (last.count == 0) return r;
  const Index begin = first.count ? first.range[first.count - 1].first : 0;
  const Index sinks = std::min(last.count == 2 ? last.range[0].last : 0, begin);
  if (sinks > 0) r.range[r.count++] = {0, sinks};
  r.range[r.count++] = {begin, last.range[last.count - 1].last};
  return r;
}

}  // namespace v0
}  // namespace crest
