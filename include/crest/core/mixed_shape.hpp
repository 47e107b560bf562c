// What a thread needs of memory for a task of many rows whose products are of bf16.
#pragma once

#include "crest/core/prefill_shape.hpp"

namespace crest {
inline namespace CREST_ABI {

/// As PrefillShape, with operands packed for tile registers of 16 rows of 32 bf16.
struct MixedShape {
  GroupShape row;  ///< of one head
  Index rows = 0;

  static constexpr Index block_rows = 32;  ///< rows multiplied at once: two registers of sums by two
  static constexpr Index step = 32;        ///< places of a sum that one instruction adds up
  static constexpr Index parts = 2;        ///< bf16 that a float of q or k is split into
  static constexpr Index tile_keys = 256;  ///< keys packed at once: outputs are loaded and stored once for them
  static constexpr Index score_pitch = tile_keys + 16;  ///< a register's rows fall into different sets of a cache

  CREST_INLINE constexpr Index padded_rows() const { return round_up(rows, block_rows); }
  CREST_INLINE constexpr Index dim() const { return round_up(row.head_dim, step); }  ///< of a part, in bf16
  /// Floats that hold `n` bf16.
  CREST_INLINE static constexpr Index floats_for(Index n) { return round_up(divide_up(n, 2), GroupShape::pad); }

  CREST_INLINE constexpr Index row_floats() const { return PrefillShape{row, rows}.row_floats(); }
  /// Zeros in the place of outputs since the last fold().
  CREST_INLINE constexpr Index run() const { return padded_rows() * row_floats(); }
  CREST_INLINE constexpr Index queries() const { return run() + row.o_pitch(); }
  CREST_INLINE constexpr Index keys() const { return queries() + floats_for(padded_rows() * parts * dim()); }
  CREST_INLINE constexpr Index values() const { return keys() + floats_for(tile_keys * parts * dim()); }
  CREST_INLINE constexpr Index staged() const { return values() + floats_for(tile_keys * row.o_pitch()); }
  CREST_INLINE constexpr Index scores() const { return staged() + floats_for(GroupShape::pad * parts * dim()); }
  CREST_INLINE constexpr Index weights() const { return scores() + block_rows * score_pitch; }
  CREST_INLINE constexpr Index spread() const { return weights() + floats_for(block_rows * tile_keys); }
  CREST_INLINE constexpr Index units() const { return spread() + padded_rows() * GroupShape::pad; }
  CREST_INLINE constexpr Index floats() const {
    return round_up(units() + divide_up(rows * Index{sizeof(Unit)}, Index{sizeof(float)}), GroupShape::pad);
  }
};

CREST_INLINE constexpr MixedShape mixed_shape(const Plan& plan) { return {plan.bands.largest(), plan.units()}; }

}  // namespace CREST_ABI
}  // namespace crest
