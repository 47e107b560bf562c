// What a thread needs of memory for a task of many rows.
#pragma once

#include "crest/core/key_bits.hpp"
#include "crest/core/work.hpp"

namespace crest {
inline namespace CREST_ABI {

/// Sizes and places of the buffers of rows that are attended together, in floats from the start of a thread's
/// workspace. Every vector width fits; nothing depends on the number of keys.
struct PrefillShape {
  GroupShape row;  ///< of one head
  Index rows = 0;

  static constexpr Index tile_keys = 64;   ///< keys packed at once: one bit each in a word
  static constexpr Index block_rows = 12;  ///< a multiple of the rows of every register block

  /// Of a row: outputs, then TileState.
  CREST_INLINE constexpr Index row_floats() const { return row.o_pitch() + GroupShape::state_floats; }
  /// Zeros in the place of outputs since the last fold().
  CREST_INLINE constexpr Index run() const { return rows * row_floats(); }
  CREST_INLINE constexpr Index queries() const { return run() + row.o_pitch(); }
  CREST_INLINE constexpr Index keys() const { return queries() + round_up(rows, block_rows) * row.q_pitch(); }
  CREST_INLINE constexpr Index values() const { return keys() + tile_keys * row.q_pitch(); }
  CREST_INLINE constexpr Index scores() const { return values() + tile_keys * row.o_pitch(); }
  CREST_INLINE constexpr Index units() const { return scores() + block_rows * tile_keys; }
  CREST_INLINE constexpr Index floats() const {
    return round_up(units() + divide_up(rows * Index{sizeof(Unit)}, Index{sizeof(float)}), GroupShape::pad);
  }
};

/// That of a streaming plan.
CREST_INLINE constexpr PrefillShape prefill_shape(const Plan& plan) { return {plan.bands.largest(), plan.units()}; }

/// A sparse prefill task: rows of one head at a time, and per key of the cache a score for each row that looks at all
/// keys (a mean query and two of the queries, for every head of the group), a probability, and three bits.
struct SparseShape {
  PrefillShape rows;
  Index group = 0, cache = 0;

  static constexpr Index lookers = 3;  ///< of a head

  CREST_INLINE constexpr Index looking() const { return lookers * group; }
  CREST_INLINE constexpr Index pitch() const { return round_up(cache, KeySet::bits); }
  CREST_INLINE constexpr Index queries() const { return rows.floats(); }
  CREST_INLINE constexpr Index scores() const {
    return queries() + round_up(looking(), PrefillShape::block_rows) * rows.row.q_pitch();
  }
  CREST_INLINE constexpr Index chances() const { return scores() + looking() * pitch(); }
  CREST_INLINE constexpr Index spread() const { return chances() + pitch(); }
  CREST_INLINE constexpr Index sets() const { return spread() + 2 * rows.rows * GroupShape::pad; }
  CREST_INLINE constexpr std::size_t bytes() const {
    return static_cast<std::size_t>(sets()) * sizeof(float) +
           static_cast<std::size_t>(3 * KeySet::words_for(cache)) * sizeof(KeySet::Word);
  }
};

CREST_INLINE constexpr SparseShape sparse_shape(const Plan& plan) {
  return {{plan.bands.largest(), plan.query_tile}, plan.bands.group.heads, plan.keys};
}

}  // namespace CREST_ABI
}  // namespace crest
