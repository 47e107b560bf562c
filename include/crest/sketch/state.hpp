// What a KeySketch holds, and where in it things lie.
#pragma once

#include <atomic>
#include <vector>

#include "crest/core/aligned_bytes.hpp"
#include "crest/core/sketch_view.hpp"
#include "crest/core/status.hpp"

namespace crest {
inline namespace v0 {

/// The step of a uniform mid-rise quantiser of unit Gaussians, of 1, 2 or 4 bits, that makes the squared error smallest
/// (Max 1960).
CREST_INLINE constexpr float gaussian_step(int bits) { return bits == 1 ? 1.596f : bits == 2 ? 0.9957f : 0.3352f; }

/// A basis fitted to keys and queries, in place of the random rotation (sketch/basis.hpp saves and loads it). Empty:
/// none. A score is about (query_matrix q) . (key_matrix k). The quantisation step of a coordinate is gaussian_step(its
/// bits) times its standard deviation; keys come out in such steps.
struct SketchBasis {
  Index kv_heads = 0, head_dim = 0, mapped = 0;
  std::vector<std::uint8_t> bits{};   ///< [mapped / 4], of each field of four dimensions: 1, 2 or 4
  std::vector<float> key_matrix{};    ///< [kv_heads][mapped][head_dim], rows divided by their quantisation step
  std::vector<float> query_matrix{};  ///< [kv_heads][mapped][head_dim], rows times that step
};

/// bits: of each coordinate of a key, 1, 2 or 4. seed: of the rotation. basis: overrides both when not empty; copied.
struct SketchOptions {
  int bits = 2;
  std::uint64_t seed = 1;
  const SketchBasis* basis = nullptr;
};

/// A counter that copies as a number.
struct Turn {
  std::atomic<std::uint32_t> count{0};
  Turn() = default;
  CREST_INLINE Turn(const Turn& other) noexcept : count(other.count.load(std::memory_order_relaxed)) {}
  CREST_INLINE Turn& operator=(const Turn& other) noexcept {
    count.store(other.count.load(std::memory_order_relaxed), std::memory_order_relaxed);
    return *this;
  }
};

/// The members of KeySketch.
struct SketchState {
  Index kv_heads = 0;
  SketchView shape;  ///< sizes only; its pointers are set by view()
  SketchOptions options;
  SketchBasis basis;
  bool with_rows = false;     ///< append(k, v) is used
  Index capacity_blocks = 0;  ///< per KV head
  std::vector<SketchField> fields;
  AlignedBytes signs;   ///< floats, [head_dim] of keys, then [value_dim] of values
  AlignedBytes codes;   ///< [kv_heads][capacity_blocks][block_bytes]
  AlignedBytes heads;   ///< [kv_heads][capacity_blocks][head_bytes]
  AlignedBytes rows;    ///< [kv_heads][capacity_blocks][64][row_pitch] bytes
  AlignedBytes hashes;  ///< [kv_heads][capacity_blocks][64] x uint16
  AlignedBytes staged;  ///< [kv_heads][64][head_dim + value_dim] floats: keys whose block is not full
  AlignedBytes finite;  ///< [kv_heads], zero where a key or value was not
  mutable Turn turn;    ///< which rows the next call verifies

  CREST_INLINE std::byte* block(Index head, Index b) {
    return codes.data() + (head * capacity_blocks + b) * shape.block_bytes();
  }
  CREST_INLINE std::byte* block_head(Index head, Index b) {
    return heads.data() + (head * capacity_blocks + b) * shape.head_bytes();
  }
  CREST_INLINE Index first_key(Index head) const { return head * capacity_blocks * SketchView::block_keys; }
  CREST_INLINE std::byte* row(Index head, Index j) { return rows.data() + (first_key(head) + j) * shape.row_pitch(); }
  CREST_INLINE std::uint16_t& hash(Index head, Index j) {
    return reinterpret_cast<std::uint16_t*>(hashes.data())[first_key(head) + j];
  }
  CREST_INLINE const float* sign(Index i) const { return reinterpret_cast<const float*>(signs.data()) + i; }
  CREST_INLINE Index staged_pitch() const { return shape.head_dim + shape.value_dim; }
  /// The staged key at place i of the open block: its key, then its value.
  CREST_INLINE float* stage(Index head, Index i) {
    return reinterpret_cast<float*>(staged.data()) + (head * SketchView::block_keys + i) * staged_pitch();
  }

  /// The sketch of one KV head, as kernels see it.
  CREST_INLINE SketchView view(Index head) const {
    SketchView v = shape;
    v.fields = fields;
    const float* matrix = basis.query_matrix.empty() ? nullptr : basis.query_matrix.data();
    v.query_map = {sign(0), matrix ? matrix + head * shape.mapped * shape.head_dim : nullptr};
    v.key_rotation = {sign(0), nullptr};
    v.value_rotation = {sign(shape.head_dim), nullptr};
    v.blocks = codes.data() + head * capacity_blocks * shape.block_bytes();
    v.heads = heads.data() + head * capacity_blocks * shape.head_bytes();
    v.rows = with_rows ? reinterpret_cast<const i8*>(rows.data()) + first_key(head) * shape.row_pitch() : nullptr;
    v.hashes = reinterpret_cast<const std::uint16_t*>(hashes.data()) + first_key(head);
    v.finite = finite.size() == 0 || finite.data()[head] != std::byte{0};
    return v;
  }
};

}  // namespace v0
}  // namespace crest
