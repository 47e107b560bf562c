// What a unit needs of memory beside its group where the query is rounded to integers.
#pragma once

#include "crest/core/work.hpp"

namespace crest {
inline namespace CREST_ABI {

struct IntegerShape {
  GroupShape group;

  static constexpr Index block = 32;  ///< elements of a row multiplied at once: a block of q8_0

  CREST_INLINE constexpr Index dim() const { return round_up(group.head_dim, block); }
  /// Steps of a query's largest element: as many as 16 bits hold and a sum of 32 bits stands, with codes of 8 bits.
  CREST_INLINE constexpr Index steps() const {
    constexpr Index largest_sum = 2147483647, largest_code = 128, largest_short = 32767;
    return std::min(largest_short, largest_sum / (largest_code * dim()));
  }
  CREST_INLINE constexpr Index query_floats() const { return group.padded_heads() * dim() / 2; }
  /// The query, then the length of a step and the error told of each head, tile by tile.
  CREST_INLINE constexpr Index floats() const { return query_floats() + 2 * group.tiles() * GroupShape::pad; }
};

}  // namespace CREST_ABI
}  // namespace crest
