// SketchView: how kernels see a KeySketch. Plain pointers and numbers; sketch/key_sketch.hpp owns the memory.
//
// Keys lie in blocks of 64. Of a coded block there are, per KV head:
//   head      BlockHead, then head_dim signed bytes: the block's mean is mean_step * byte
//   scales    64 bytes, one per key: the float whose bits are scale_base + (byte << 20), an eighth of an octave a step
//   codes     4 groups of 16 keys; a group holds `dwords` lines of 16 x 4 bytes: lane i of line d are bits of key i.
//             Fields cut a line into pieces of 4 dimensions: one shift and one mask give a byte per dimension and key.
// 8-bit rows, where kept, are one array of keys: head_dim bytes of rotated K minus the block's mean, then value_dim
// bytes of rotated V, in steps common to the block, so that a row costs no more than its own cache lines.
#pragma once

#include <cstdint>
#include <span>

#include "crest/core/dtype.hpp"

namespace crest {
inline namespace v0 {

/// Four dimensions of a sketch: byte i of a key's dword `dword`, shifted right by `shift`, and `mask` is the code of
/// the i-th of them.
struct SketchField {
  std::int32_t dword, shift;
  std::uint32_t mask;  ///< the same in all four bytes
  float middle;        ///< code - middle is proportional to the value
};

/// A linear map of head_dim into a sketch's dimensions: a Hadamard rotation with random signs, or a calibrated matrix.
struct SketchMap {
  const float* signs = nullptr;   ///< [dim], +-1, times the rotation's scale
  const float* matrix = nullptr;  ///< [mapped][dim], or null: rotate
};

/// Steps of one block.
struct BlockHead {
  float mean_step = 0;
  float k_step = 0, v_step = 0;  ///< of the 8-bit rows
  std::uint32_t scale_base = 0;
};

struct SketchView {
  static constexpr Index block_keys = 64, group_keys = 16;

  Index keys = 0;   ///< appended so far
  Index coded = 0;  ///< keys 0..coded - 1 have codes; the others wait for their block to fill
  Index head_dim = 0, value_dim = 0;
  Index mapped = 0;  ///< dimensions of the sketch: 4 per field, unused ones are zero
  Index dwords = 0;
  std::span<const SketchField> fields{};
  SketchMap query_map{};                       ///< of a query, for the sketch
  SketchMap key_rotation{}, value_rotation{};  ///< of the 8-bit rows

  const std::byte* blocks = nullptr;      ///< this KV head's coded blocks: scales, codes
  const std::byte* heads = nullptr;       ///< their heads
  const i8* rows = nullptr;               ///< its 8-bit rows, or null
  const std::uint16_t* hashes = nullptr;  ///< of the rows as they were appended, one per key
  bool finite = true;                     ///< no key or value was NaN or infinite when appended

  static constexpr Index codes_at = block_keys;  ///< behind the scales
  CREST_INLINE constexpr Index head_bytes() const {
    return static_cast<Index>(sizeof(BlockHead)) + (head_dim + 15) / 16 * 16;
  }
  CREST_INLINE constexpr Index group_bytes() const { return dwords * 4 * group_keys; }
  CREST_INLINE constexpr Index block_bytes() const { return codes_at + block_keys / group_keys * group_bytes(); }
  CREST_INLINE constexpr Index row_pitch() const { return head_dim + value_dim; }
  CREST_INLINE const std::byte* block(Index b) const { return blocks + b * block_bytes(); }
  CREST_INLINE const std::byte* head(Index b) const { return heads + b * head_bytes(); }
};

}  // namespace v0
}  // namespace crest
