// Random-sign Hadamard rotation: makes the coordinates of any vector look Gaussian, so that few bits per coordinate do
// (QuaRot, Ashkboos et al. 2024; RaBitQ, Gao and Long 2024). A dimension that is no power of two is cut into powers of
// two, largest first: 80 = 64 + 16.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "crest/core/view.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

/// splitmix64 (Steele, Lea and Flood 2014): a well mixed 64-bit hash.
CREST_INLINE constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// Where a systematic walk over keys begins: uniform in [0, 1), another one for every position of a query and KV head.
CREST_INLINE constexpr float walk_start(std::uint64_t seed, Index position, Index kv_head) {
  const std::uint64_t bits =
      mix(mix(seed + static_cast<std::uint64_t>(position)) + static_cast<std::uint64_t>(kv_head));
  return static_cast<float>(bits >> 40) * 0x1p-24f;
}

/// Largest power of two in `n` > 0.
CREST_INLINE constexpr Index power_below(Index n) {
  return static_cast<Index>(std::bit_floor(static_cast<std::size_t>(n)));
}

/// Signs of a rotation of `dim` coordinates, times 1 / sqrt(size) of the Hadamard block each belongs to: with them the
/// butterflies below are orthogonal.
CREST_INLINE void fill_signs(float* signs, Index dim, std::uint64_t seed) {
  for (Index at = 0; at < dim;) {
    const Index size = power_below(dim - at);
    const float scale = 1.0f / std::sqrt(static_cast<float>(size));
    for (Index i = at; i < at + size; ++i) signs[i] = mix(seed + static_cast<std::uint64_t>(i)) & 1 ? scale : -scale;
    at += size;
  }
}

/// Four floats, on any compiler target of gcc and clang: rotations are bitwise the same everywhere.
using Four [[gnu::vector_size(16)]] = float;

CREST_INLINE Four load_four(const float* p) {
  Four x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
CREST_INLINE void store_four(float* p, Four x) { std::memcpy(p, &x, sizeof x); }

/// Butterflies of distance 1 and 2 within four floats.
CREST_INLINE Four butterfly(Four x) {
  const Four even = __builtin_shufflevector(x, x, 0, 0, 2, 2), odd = __builtin_shufflevector(x, x, 1, 1, 3, 3);
  const Four sign = {1, -1, 1, -1}, high_sign = {1, 1, -1, -1};
  const Four y = even + odd * sign;
  return __builtin_shufflevector(y, y, 0, 1, 0, 1) + __builtin_shufflevector(y, y, 2, 3, 2, 3) * high_sign;
}

/// Butterflies over one block whose size is a power of two.
CREST_INLINE void hadamard_block(float* x, Index size) {
  for (Index i = 0; i + 4 <= size; i += 4) store_four(x + i, butterfly(load_four(x + i)));
  if (size == 2) {
    const float a = x[0], b = x[1];
    x[0] = a + b, x[1] = a - b;
  }
  for (Index half = 4; half < size; half *= 2)
    for (Index i = 0; i < size; i += 2 * half)
      for (Index j = i; j < i + half; j += 4) {
        const Four a = load_four(x + j), b = load_four(x + j + half);
        store_four(x + j, a + b);
        store_four(x + j + half, a - b);
      }
}

/// x <- H x, in place: unnormalised butterflies over each power-of-two block.
CREST_INLINE void hadamard(float* x, Index dim) {
  for (Index at = 0; at < dim; at += power_below(dim - at)) hadamard_block(x + at, power_below(dim - at));
}

/// x <- H diag(signs) x: the rotation.
CREST_INLINE void rotate(float* x, const float* signs, Index dim) {
  for (Index i = 0; i < dim; ++i) x[i] *= signs[i];
  hadamard(x, dim);
}

/// x <- diag(signs) H x: its inverse.
CREST_INLINE void rotate_back(float* x, const float* signs, Index dim) {
  hadamard(x, dim);
  for (Index i = 0; i < dim; ++i) x[i] *= signs[i];
}

}  // namespace detail
}  // namespace CREST_ABI
}  // namespace crest
