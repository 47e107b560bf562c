// What a thread needs of memory for a streaming task of many rows.
#pragma once

#include "crest/core/work.hpp"

namespace crest {
inline namespace CREST_ABI {

/// Sizes and places of a prefill task's buffers, in floats from the start of a thread's workspace. Every vector width
/// fits; nothing depends on the number of keys.
struct PrefillShape {
  Plan plan;

  static constexpr Index tile_keys = 64;     ///< keys packed at once: one bit each in a word
  static constexpr Index block_rows = 12;    ///< a multiple of the rows of every register block

  CREST_INLINE constexpr const GroupShape& row() const { return plan.bands.group; }
  CREST_INLINE constexpr Index rows() const { return plan.units(); }
  CREST_INLINE constexpr Index queries() const { return rows() * plan.bands.largest().floats(); }
  CREST_INLINE constexpr Index keys() const {
    return queries() + round_up(rows(), block_rows) * round_up(row().head_dim, GroupShape::pad);
  }
  CREST_INLINE constexpr Index values() const { return keys() + tile_keys * row().q_pitch(); }
  CREST_INLINE constexpr Index scores() const { return values() + tile_keys * row().o_pitch(); }
  CREST_INLINE constexpr Index units() const { return scores() + block_rows * tile_keys; }
  CREST_INLINE constexpr std::size_t bytes() const {
    return static_cast<std::size_t>(units()) * sizeof(float) + static_cast<std::size_t>(rows()) * sizeof(Unit);
  }
};

}  // namespace CREST_ABI
}  // namespace crest
