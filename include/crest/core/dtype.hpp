// 16-bit storage types and their exact scalar conversions. Kernels convert with vector instructions; the functions
// here are the reference they are tested against.
#pragma once

#include <bit>
#include <cstdint>

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

/// What a cache may hold.
template <class T>
inline constexpr bool is_cache_element = std::is_same_v<T, float> || std::is_same_v<T, f16> || std::is_same_v<T, bf16>;

CREST_INLINE constexpr float to_float(float x) { return x; }
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
