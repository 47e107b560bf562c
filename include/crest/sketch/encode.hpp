// From rows of floats to codes: block means, few-bit codes, 8-bit rows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "crest/core/hash.hpp"
#include "crest/core/rotation.hpp"
#include "crest/sketch/state.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

/// Nearest integer; unlike std::lrint never a call into the C library.
CREST_INLINE int nearest(float x) { return static_cast<int>(x < 0 ? x - 0.5f : x + 0.5f); }

inline float largest(const float* x, Index n) {
  float most = 0;
  for (Index i = 0; i < n; ++i) most = std::max(most, std::abs(x[i]));
  return most;
}

/// bytes[i] = x[i] / step, rounded.
inline void encode_bytes(const float* x, Index n, float step, std::byte* bytes) {
  const float inverse = step > 0 ? 1 / step : 0;
  for (Index i = 0; i < n; ++i) {
    const float scaled = std::clamp(x[i] * inverse, -127.0f, 127.0f);
    bytes[i] = static_cast<std::byte>(static_cast<std::int8_t>(nearest(scaled)));
  }
}

inline float gaussian_step(const SketchField& field) { return crest::gaussian_step(std::popcount(field.mask & 0xffu)); }

/// Steps per unit of a mapped residual y, by its root mean square. Where fields differ in width, y is in steps of its
/// own (SketchBasis), and a coordinate is as large as others are on the whole when it is so in steps of the first
/// field.
inline float steps_per_unit(const SketchView& s, std::span<const SketchField> fields, const float* y) {
  const float step = gaussian_step(fields.front());
  float square = 0;
  for (const SketchField& field : fields) {
    const float relative = gaussian_step(field) / step;
    for (int x = 0; x < 4; ++x, ++y) square += (*y * relative) * (*y * relative);
  }
  const Index used = std::min(s.mapped, s.head_dim);  // the others pad the last field
  return square > 0 ? 1 / std::sqrt(square / static_cast<float>(used)) / step : 0;
}

/// Few-bit codes of one key at place `i` of a block, from its mapped residual y. Returns their least-squares scale.
inline float encode_codes(const SketchView& s, std::span<const SketchField> fields, const float* y, std::byte* block,
                          Index i) {
  const float per_step = steps_per_unit(s, fields, y);
  const float* end = y + std::min(s.mapped, s.head_dim);  // behind it the last field is padded
  float along = 0, norm = 0;
  std::byte* lane = block + s.codes_at + i / SketchView::group_keys * s.group_bytes() + i % SketchView::group_keys * 4;
  for (const SketchField& field : fields) {
    const int top = static_cast<int>(field.mask & 0xffu);
    std::uint32_t codes = 0;
    for (int x = 0; x < 4; ++x, ++y) {
      const int code = std::clamp(nearest(*y * per_step + field.middle), 0, top);
      const float level = static_cast<float>(code) - field.middle;
      along += *y * level;
      norm += y < end ? level * level : 0;
      codes |= static_cast<std::uint32_t>(code) << 8 * x;
    }
    std::uint32_t word;
    std::byte* at = lane + field.dword * 4 * SketchView::group_keys;
    std::memcpy(&word, at, sizeof word);
    word = (word & ~(field.mask << field.shift)) | codes << field.shift;
    std::memcpy(at, &word, sizeof word);
  }
  return norm > 0 && along > 0 ? along / norm : 0;
}

/// y <- the sketch's coordinates of a residual x.
inline void map_key(const SketchState& s, Index head, const float* x, float* y) {
  const Index dim = s.shape.head_dim;
  if (s.basis.key_matrix.empty()) {
    std::copy(x, x + dim, y);
    rotate(y, s.sign(0), dim);
    std::fill(y + dim, y + s.shape.mapped, 0.0f);
    return;
  }
  const float* row = s.basis.key_matrix.data() + head * s.shape.mapped * dim;
  for (Index i = 0; i < s.shape.mapped; ++i, row += dim) {
    y[i] = 0;
    for (Index c = 0; c < dim; ++c) y[i] += row[c] * x[c];
  }
}

/// Encodes the keys of one head.
struct Encoder {
  SketchState* state = nullptr;
  Index head = 0;
  float* x = nullptr;  ///< scratch, [max(head_dim, value_dim)]
  float* y = nullptr;  ///< scratch, [max(mapped, head_dim)]

  BlockHead read_head(Index b) const {
    BlockHead h;
    std::memcpy(&h, state->block_head(head, b), sizeof h);
    return h;
  }
  void write_head(Index b, const BlockHead& h) const { std::memcpy(state->block_head(head, b), &h, sizeof h); }

  /// x <- residual of a key to its block's mean.
  void residual(Index b, const float* k) const {
    const BlockHead h = read_head(b);
    const auto* mean = reinterpret_cast<const std::int8_t*>(state->block_head(head, b) + sizeof h);
    for (Index c = 0; c < state->shape.head_dim; ++c) x[c] = k[c] - h.mean_step * static_cast<float>(mean[c]);
  }
  void rotated_key(Index b, const float* k) const {
    residual(b, k);
    rotate(x, state->sign(0), state->shape.head_dim);
  }
  void rotated_value(const float* v) const {
    std::copy(v, v + state->shape.value_dim, x);
    rotate(x, state->sign(0) + state->shape.head_dim, state->shape.value_dim);
  }

  /// Codes and 8-bit rows of key `j` from its float rows, against the mean its block has.
  void encode(Index j, const float* k, const float* v) const {
    const Index b = j / SketchView::block_keys, dim = state->shape.head_dim;
    residual(b, k);
    map_key(*state, head, x, y);
    const float scale = encode_codes(state->shape, state->fields, y, state->block(head, b), j % SketchView::block_keys);
    encode_scale(b, j % SketchView::block_keys, scale);
    if (!state->with_rows) return;
    widen_steps(b, k, v);
    const BlockHead h = read_head(b);
    rotated_key(b, k);
    encode_bytes(x, dim, h.k_step, state->row(head, j));
    rotated_value(v);
    encode_bytes(x, state->shape.value_dim, h.v_step, state->row(head, j) + dim);
  }

  /// Writes a key's scale byte; a scale too large for the block moves its base, and the bytes there are with it.
  void encode_scale(Index b, Index i, float scale) const {
    constexpr std::uint32_t top = 255, shift = 20;
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(scale) + (1u << (shift - 1));  // rounded
    auto* bytes = reinterpret_cast<std::uint8_t*>(state->block(head, b));
    BlockHead h = read_head(b);
    if (bits >> shift > (h.scale_base >> shift) + top) {
      const std::uint32_t base = ((bits >> shift) - top) << shift, down = (base - h.scale_base) >> shift;
      for (Index l = 0; l < SketchView::block_keys; ++l)
        bytes[l] = static_cast<std::uint8_t>(bytes[l] > down ? bytes[l] - down : 0);
      h.scale_base = base;
      write_head(b, h);
    }
    const std::uint32_t low = h.scale_base >> shift, code = bits >> shift;
    bytes[i] = static_cast<std::uint8_t>(code > low ? code - low : 0);
  }

  /// Makes the steps of a block large enough for one more key, with slack: what is there already is rounded again.
  void widen_steps(Index b, const float* k, const float* v) const {
    constexpr float slack = 1.25f;
    const BlockHead old = read_head(b);
    BlockHead h = old;
    rotated_key(b, k);
    if (const float step = largest(x, state->shape.head_dim) / 127; step > h.k_step) h.k_step = slack * step;
    rotated_value(v);
    if (const float step = largest(x, state->shape.value_dim) / 127; step > h.v_step) h.v_step = slack * step;
    if (h.k_step > old.k_step) rescale_rows(b, 0, state->shape.head_dim, old.k_step / h.k_step);
    if (h.v_step > old.v_step) rescale_rows(b, state->shape.head_dim, state->shape.row_pitch(), old.v_step / h.v_step);
    write_head(b, h);
  }
  void rescale_rows(Index b, Index from, Index to, float factor) const {
    for (Index i = 0; i < SketchView::block_keys && factor > 0; ++i) {
      std::byte* row = state->row(head, b * SketchView::block_keys + i);
      for (Index c = from; c < to; ++c)
        row[c] = static_cast<std::byte>(
            static_cast<std::int8_t>(nearest(static_cast<float>(static_cast<std::int8_t>(row[c])) * factor)));
    }
  }

  /// Steps for the 64 staged keys of block `b`, whose mean is known.
  void fix_steps(Index b) const {
    BlockHead h = read_head(b);
    for (Index i = 0; i < SketchView::block_keys; ++i) {
      const float* k = state->stage(head, i);
      rotated_key(b, k);
      h.k_step = std::max(h.k_step, largest(x, state->shape.head_dim) / 127);
      rotated_value(k + state->shape.head_dim);
      h.v_step = std::max(h.v_step, largest(x, state->shape.value_dim) / 127);
    }
    write_head(b, h);
  }

  /// Fixes the mean and the steps of block `b` and encodes its 64 staged keys.
  void close_block(Index b) const {
    SketchState& s = *state;
    const Index dim = s.shape.head_dim, all = SketchView::block_keys;
    std::fill(x, x + dim, 0.0f);
    for (Index i = 0; i < all; ++i)
      for (Index c = 0; c < dim; ++c) x[c] += s.stage(head, i)[c] * (1.0f / all);
    const BlockHead h{.mean_step = largest(x, dim) / 127};
    write_head(b, h);
    std::memset(s.block(head, b), 0, SketchView::block_keys);
    encode_bytes(x, dim, h.mean_step, s.block_head(head, b) + sizeof h);
    if (s.with_rows) fix_steps(b);
    for (Index i = 0; i < all; ++i) encode(b * all + i, s.stage(head, i), s.stage(head, i) + dim);
  }
};

}  // namespace detail
}  // namespace CREST_ABI
}  // namespace crest
