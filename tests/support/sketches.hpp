// Caches of keys and values, sketches of them, and how far off those are.
#pragma once

#include <gtest/gtest.h>

#include "support/case.hpp"
#include "support/sketch_reference.hpp"

namespace test {

using crest::KeySketch;
using crest::SketchView;
using crest::Status;
using Bytes = std::vector<std::byte>;

inline constexpr Index sketch_block = SketchView::block_keys;

/// Keys with a mean that is no zero, and values; two KV heads.
template <class T = float>
Case<T> cache(Index keys, Index head_dim = 64, Index value_dim = 48, std::uint64_t seed = 1, Layout layout = {}) {
  const Shape shape{.heads = 2, .kv_heads = 2, .keys = keys, .head_dim = head_dim, .value_dim = value_dim};
  Case<T> c({.shape = shape, .seed = seed, .layout = layout});
  c.k.fill([&](Index i, Index j, Index x) { return c.k.get(i, j, x) + static_cast<float>(x % 3) - 0.5f; });
  return c;
}

/// Rows first .. last - 1 of a tensor.
template <class T>
TensorView<const T, 3> part(Tensor<T>& t, Index first, Index last) {
  const TensorView<T, 3> all = t.view();
  return {all.data_handle() + first * all.stride(1),
          {all.extent(0), last - first, all.extent(2)},
          {all.stride(0), all.stride(1), 1}};
}

/// Appends keys first .. last - 1 of a cache, with or without their values.
template <class T>
void append(KeySketch& s, Case<T>& c, Index first, Index last, bool rows = true) {
  const auto k = part(c.k, first, last);
  ASSERT_EQ(rows ? s.append(k, part(c.v, first, last)) : s.append(k), Status::ok);
}

template <class T>
KeySketch sketch_of(Case<T>& c, bool rows = true, crest::SketchOptions options = {}) {
  KeySketch s(2, c.problem.head_dim(), options);
  append(s, c, 0, c.problem.keys(), rows);
  return s;
}

inline Bytes saved(const KeySketch& s) {
  Bytes bytes(s.saved_bytes());
  EXPECT_EQ(s.save(bytes), Status::ok);
  return bytes;
}

/// What kernels see of whole blocks and of every key's hash.
inline Bytes content(const KeySketch& s, bool hashes = true) {
  Bytes all;
  const auto take = [&](const void* from, Index n) {
    all.insert(all.end(), static_cast<const std::byte*>(from), static_cast<const std::byte*>(from) + n);
  };
  for (Index h = 0; h < s.kv_heads(); ++h) {
    const SketchView v = s.view(h);
    take(&v.keys, sizeof v.keys), take(&v.coded, sizeof v.coded);
    take(v.blocks, v.coded / sketch_block * v.block_bytes());
    take(v.heads, v.coded / sketch_block * v.head_bytes());
    if (v.rows) take(v.rows, v.coded / sketch_block * sketch_block * v.row_pitch());
    if (hashes) take(v.hashes, v.keys * Index{sizeof(std::uint16_t)});
  }
  return all;
}

/// Hashes of all keys.
inline std::vector<std::uint16_t> hashes(const KeySketch& s) {
  std::vector<std::uint16_t> all;
  for (Index h = 0; h < s.kv_heads(); ++h) all.insert(all.end(), s.view(h).hashes, s.view(h).hashes + s.size());
  return all;
}

/// Everything of one coded block of all heads.
inline Bytes block_bytes(const KeySketch& s, Index b) {
  Bytes all;
  for (Index h = 0; h < s.kv_heads(); ++h) {
    const SketchView v = s.view(h);
    const auto* rows = reinterpret_cast<const std::byte*>(v.rows);
    all.insert(all.end(), v.block(b), v.block(b) + v.block_bytes());
    all.insert(all.end(), v.head(b), v.head(b) + v.head_bytes());
    if (rows) all.insert(all.end(), rows + b * 64 * v.row_pitch(), rows + (b + 1) * 64 * v.row_pitch());
  }
  return all;
}

/// Calls f(T{}) for every storage type.
template <class F>
void for_each_type(F&& f) {
  f(float{}), f(f16{}), f(crest::bf16{});
}

/// Root of the mean squared error of the codes, relative to the residuals.
inline double code_error(const KeySketch& s, const Case<float>& c) {
  double error = 0, all = 0;
  for (Index h = 0; h < 2; ++h)
    for (Index j = 0; j < s.view(h).coded; ++j) {
      const reference::Row wanted = reference::residual(s.view(h), j, reference::row_of(c.k, h, j));
      error += reference::square_distance(wanted, reference::decoded(s.view(h), j));
      all += reference::square(wanted);
    }
  return std::sqrt(error / all);
}

/// Largest distance of 8-bit rows to what they stand for, in steps.
inline double row_error(const KeySketch& s, const Case<float>& c) {
  double worst = 0;
  for (Index h = 0; h < 2; ++h)
    for (Index j = 0; j < s.view(h).coded; ++j) {
      const SketchView v = s.view(h);
      reference::Row wanted = reference::residual(v, j, reference::row_of(c.k, h, j));
      for (double x : reference::rotated(reference::row_of(c.v, h, j), v.value_rotation.signs)) wanted.push_back(x);
      const reference::Row found = reference::byte_row(v, j);
      for (Index x = 0; x < v.row_pitch(); ++x) {
        const double step = x < v.head_dim ? reference::head_of(v, j).k_step : reference::head_of(v, j).v_step;
        const double off = std::abs(found[x] - wanted[x]) / step;
        worst = std::isnan(off) ? off : std::max(worst, off);
      }
    }
  return worst;
}

}  // namespace test
