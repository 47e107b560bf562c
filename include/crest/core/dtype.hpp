// What a cache may hold, and the exact scalar conversions. Kernels convert with vector instructions; the functions here
// are the reference they are tested against.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "crest/core/view.hpp"

namespace crest {
inline namespace v0 {

/// IEEE 754 binary16 storage. Any 2-byte storage (_Float16, Eigen::half, uint16_t) may be cast to const f16*: kernels
/// load through memcpy or intrinsics only.
struct f16 {
  std::uint16_t bits;
};

/// bfloat16 storage: the upper half of a binary32.
struct bf16 {
  std::uint16_t bits;
};

/// Blocks of 32 elements with a scale of their own, laid out as ggml's types of the same names: element i is
/// scale * bytes[i].
struct q8_0 {
  f16 scale;
  std::int8_t bytes[32];
};
/// Element i is scale * (low half of nibbles[i] - 8), element 16 + i scale * (high half of nibbles[i] - 8).
struct q4_0 {
  f16 scale;
  std::uint8_t nibbles[16];
};
/// A signed byte. In a cache it is multiplied by the scale of its key: Problem::k_scales, v_scales.
struct i8 {
  std::int8_t bits;
};
/// 32 elements of 4 bits, nibbles as in q4_0, without the scale: that belongs to the key, as for i8.
struct i4x32 {
  std::uint8_t nibbles[16];
};

template <class T>
inline constexpr bool is_float_element = std::is_same_v<T, float> || std::is_same_v<T, f16> || std::is_same_v<T, bf16>;
/// Whether elements are multiplied by a scale of their key.
template <class T>
inline constexpr bool is_scaled = std::is_same_v<T, i8> || std::is_same_v<T, i4x32>;
/// What a cache may hold.
template <class T>
inline constexpr bool is_cache_element =
    is_float_element<T> || is_scaled<T> || std::is_same_v<T, q8_0> || std::is_same_v<T, q4_0>;

/// Elements that one T holds.
template <class T>
inline constexpr Index elements_in = 1;
template <>
inline constexpr Index elements_in<q8_0> = 32;
template <>
inline constexpr Index elements_in<q4_0> = 32;
template <>
inline constexpr Index elements_in<i4x32> = 32;

/// Bytes of `n` elements.
template <class T>
CREST_INLINE constexpr Index bytes_of(Index n) {
  return n / elements_in<T> * static_cast<Index>(sizeof(T));
}

CREST_INLINE constexpr float to_float(float x) { return x; }
CREST_INLINE constexpr float to_float(i8 x) { return x.bits; }
CREST_INLINE constexpr float to_float(bf16 x) { return std::bit_cast<float>(std::uint32_t{x.bits} << 16); }

/// Exact: every binary16 value, subnormals, infinities and NaN included, is a binary32 value.
CREST_INLINE constexpr float to_float(f16 x) {
  const std::uint32_t sign = std::uint32_t{x.bits & 0x8000u} << 16;
  const std::uint32_t exponent = (x.bits >> 10) & 0x1fu, mantissa = x.bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign ? -magnitude : magnitude;
}

/// Rounds to nearest even; overflow gives infinity, NaN stays NaN.
CREST_INLINE constexpr f16 to_f16(float x) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(x);
  const std::uint16_t sign = static_cast<std::uint16_t>(u >> 16 & 0x8000u);
  const std::uint32_t a = u & 0x7fffffffu;
  if (a > 0x7f800000u) return {static_cast<std::uint16_t>(sign | 0x7e00u)};
  if (a >= 0x477ff000u) return {static_cast<std::uint16_t>(sign | 0x7c00u)};  // 65520 and above
  if (a < 0x38800000u) {  // subnormal in binary16: the sum's mantissa bits are the answer, rounded by the addition
    const float shifted = std::bit_cast<float>(a) + 0.5f;
    return {static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u))};
  }
  const std::uint32_t odd = a >> 13 & 1u;
  return {static_cast<std::uint16_t>(sign | ((a - 0x38000000u + 0xfffu + odd) >> 13))};
}

/// Rounds to nearest even; NaN stays NaN.
CREST_INLINE constexpr bf16 to_bf16(float x) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>(u >> 16 | 0x40u)};
  return {static_cast<std::uint16_t>((u + 0x7fffu + (u >> 16 & 1u)) >> 16)};
}

/// Element i of a block as a float; a single value is a block of one. Scales of keys are the caller's to apply.
template <class T>
CREST_INLINE constexpr float element_in(const T& x, Index) {
  return to_float(x);
}
CREST_INLINE constexpr float nibble_in(const std::uint8_t* nibbles, Index i) {
  return static_cast<float>((nibbles[i % 16] >> (i < 16 ? 0 : 4) & 15) - 8);
}
CREST_INLINE constexpr float element_in(const q8_0& x, Index i) {
  return to_float(x.scale) * static_cast<float>(x.bytes[i]);
}
CREST_INLINE constexpr float element_in(const q4_0& x, Index i) { return to_float(x.scale) * nibble_in(x.nibbles, i); }
CREST_INLINE constexpr float element_in(const i4x32& x, Index i) { return nibble_in(x.nibbles, i); }
/// Element x of a row, whatever its alignment.
template <class T>
CREST_INLINE float element_at(const T* row, Index x) {
  T block;
  std::memcpy(&block, reinterpret_cast<const std::byte*>(row) + x / elements_in<T> * Index{sizeof(T)}, sizeof block);
  return element_in(block, x % elements_in<T>);
}

/// Views foreign 2-byte storage as binary16.
template <std::size_t Rank>
CREST_INLINE TensorView<const f16, Rank> view_f16(const void* data, std::array<Index, Rank> extents) {
  return {static_cast<const f16*>(data), extents};
}
template <std::size_t Rank>
CREST_INLINE TensorView<const f16, Rank> view_f16(const void* data, std::array<Index, Rank> extents,
                                                  std::array<Index, Rank> strides) {
  return {static_cast<const f16*>(data), extents, strides};
}

}  // namespace v0
}  // namespace crest
