// Masks are ranges of keys, so that masked keys are never read.
#pragma once

#include <algorithm>
#include <span>

#include "crest/core/view.hpp"

namespace crest {
inline namespace v0 {

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

}  // namespace v0
}  // namespace crest
