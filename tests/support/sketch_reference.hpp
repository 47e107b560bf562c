// A KeySketch read once more, slow and plain, from the layout that core/sketch_view.hpp documents.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "crest/sketch/key_sketch.hpp"
#include "support/tensor.hpp"

namespace reference {

using crest::Index;
using crest::SketchView;
using Row = std::vector<double>;

/// The rotation by its definition: y_i = sum over c of (-1)^(ones in i & c) sign_c x_c in each power of two of
/// coordinates, the largest first (Sylvester's Hadamard matrix).
inline Row rotated(const Row& x, const float* signs) {
  Row y(x.size());
  for (std::size_t at = 0; at < x.size(); at += std::bit_floor(x.size() - at)) {
    const std::size_t size = std::bit_floor(x.size() - at);
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t c = 0; c < size; ++c)
        y[at + i] += (std::popcount(i & c) % 2 ? -1.0 : 1.0) * signs[at + c] * x[at + c];
  }
  return y;
}

inline crest::BlockHead head_of(const SketchView& s, Index j) {
  crest::BlockHead head;
  std::memcpy(&head, s.head(j / s.block_keys), sizeof head);
  return head;
}

/// The rotated difference between a key and the mean its block was given.
inline Row residual(const SketchView& s, Index j, const Row& key) {
  const auto* mean = reinterpret_cast<const std::int8_t*>(s.head(j / s.block_keys) + sizeof(crest::BlockHead));
  Row x(key);
  for (std::size_t c = 0; c < x.size(); ++c) x[c] -= static_cast<double>(head_of(s, j).mean_step) * mean[c];
  return rotated(x, s.key_rotation.signs);
}

/// That difference as the few-bit codes tell it.
inline Row decoded(const SketchView& s, Index j) {
  const std::byte* block = s.block(j / s.block_keys);
  const Index i = j % s.block_keys;
  const std::uint32_t scale = head_of(s, j).scale_base + (static_cast<std::uint32_t>(block[i]) << 20);
  const std::byte* lane = block + s.codes_at + i / s.group_keys * s.group_bytes() + i % s.group_keys * 4;
  Row y;
  for (const crest::SketchField& f : s.fields) {
    std::uint32_t word;
    std::memcpy(&word, lane + f.dword * 4 * s.group_keys, sizeof word);
    for (int x = 0; x < 4; ++x)
      y.push_back(((word >> f.shift & f.mask) >> 8 * x & 0xff) - static_cast<double>(f.middle));
    for (int x = 4; x > 0; --x) y[y.size() - x] *= std::bit_cast<float>(scale);
  }
  y.resize(s.head_dim);
  return y;
}

/// An 8-bit row: the residual of the key, then the rotated value.
inline Row byte_row(const SketchView& s, Index j) {
  Row y;
  for (Index c = 0; c < s.row_pitch(); ++c) {
    const double step = c < s.head_dim ? head_of(s, j).k_step : head_of(s, j).v_step;
    y.push_back(step * s.rows[j * s.row_pitch() + c].bits);
  }
  return y;
}

template <class T>
Row row_of(const test::Tensor<T>& t, Index head, Index j) {
  Row row;
  for (Index x = 0; x < t.extents()[2]; ++x) row.push_back(t.get(head, j, x));
  return row;
}

inline double square(const Row& x) {
  double sum = 0;
  for (double e : x) sum += e * e;
  return sum;
}
/// Squared distance of two rows; b may be the longer one.
inline double square_distance(const Row& a, const Row& b, std::size_t from = 0) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[from + i]) * (a[i] - b[from + i]);
  return sum;
}

}  // namespace reference
