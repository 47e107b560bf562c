// What a thread needs of memory for one guided task.
#pragma once

#include <algorithm>

#include "crest/core/sketch_view.hpp"
#include "crest/core/work.hpp"

namespace crest {
inline namespace CREST_ABI {

/// Sizes and places, in floats from the start of a thread's workspace. One float per key and query head holds
/// estimates, two per key its inclusion probability and the logarithm of that; the rest does not depend on the number
/// of keys but for bits.
struct GuideShape {
  GroupShape group;
  Index keys = 0, fields = 0, mapped = 0;

  CREST_INLINE constexpr Index blocks() const { return divide_up(keys, SketchView::block_keys); }
  CREST_INLINE constexpr Index rotated() const { return group.floats(); }  ///< a second group, for rotated 8-bit rows
  CREST_INLINE constexpr Index query() const { return 2 * group.floats(); }
  CREST_INLINE constexpr Index scratch() const {
    return query() + round_up(group.padded_heads() * (fields + 3), GroupShape::pad);
  }
  /// Two rows at a time: a query and what the sketch maps it to, or two outputs.
  CREST_INLINE constexpr Index two_rows() const {
    return round_up(std::max(group.head_dim + mapped, 2 * group.value_dim), GroupShape::pad);
  }
  CREST_INLINE constexpr Index scratch_floats() const {
    return two_rows() + 4 * round_up(group.padded_heads(), GroupShape::pad);
  }
  CREST_INLINE constexpr Index means() const { return scratch() + scratch_floats(); }
  CREST_INLINE constexpr Index steps() const {
    return means() + round_up(blocks() * group.padded_heads(), GroupShape::pad);
  }
  CREST_INLINE constexpr Index estimates() const { return steps() + round_up(2 * blocks(), GroupShape::pad); }
  CREST_INLINE constexpr Index draws() const {
    return estimates() + blocks() * SketchView::block_keys * group.padded_heads();
  }
  CREST_INLINE constexpr Index weights() const { return draws() + blocks() * SketchView::block_keys; }
  CREST_INLINE constexpr Index sets() const { return weights() + blocks() * SketchView::block_keys; }
  CREST_INLINE constexpr std::size_t bytes() const {
    return static_cast<std::size_t>(sets()) * sizeof(float) +
           static_cast<std::size_t>(4 * blocks()) * sizeof(KeySet::Word);
  }
};

template <class T>
CREST_INLINE GuideShape guide_shape(const Problem<T>& p, const SketchView& sketch) {
  return {group_shape(p), p.keys(), static_cast<Index>(sketch.fields.size()), sketch.mapped};
}

}  // namespace CREST_ABI
}  // namespace crest
