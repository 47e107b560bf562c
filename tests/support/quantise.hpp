// Floats as rows of few-bit elements: what a cache of q8_0, q4_0, i8 or i4x32 is filled with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "crest/core/dtype.hpp"

namespace test {

using crest::Index;

/// Fills T blocks of one row from floats; returns the key's scale, which is 1 where blocks have their own.
template <class T>
float quantise(const float* x, Index n, T* to) {
  constexpr Index in = crest::elements_in<T>;
  constexpr bool nibbles = std::is_same_v<T, crest::q4_0> || std::is_same_v<T, crest::i4x32>;
  constexpr float top = nibbles ? 7 : 127;
  const auto step = [&](const float* from, Index count) {
    float most = 0;
    for (Index i = 0; i < count; ++i) most = std::max(most, std::abs(from[i]));
    return most / top;
  };
  const float whole = step(x, n);
  for (Index b = 0; b < n / in; ++b) {
    T block{};
    float scale = whole;
    if constexpr (!crest::is_scaled<T>)
      block.scale = crest::to_f16(step(x + b * in, in)), scale = to_float(block.scale);
    for (Index i = 0; i < in; ++i) {
      const int code = scale > 0 ? static_cast<int>(std::lround(x[b * in + i] / scale)) : 0;
      const int clipped = std::clamp(code, -static_cast<int>(top), static_cast<int>(top));
      if constexpr (nibbles)
        block.nibbles[i % 16] = static_cast<std::uint8_t>(block.nibbles[i % 16] | (clipped + 8) << (i < 16 ? 0 : 4));
      else if constexpr (std::is_same_v<T, crest::i8>)
        block.bits = static_cast<std::int8_t>(clipped);
      else
        block.bytes[i] = static_cast<std::int8_t>(clipped);
    }
    std::memcpy(reinterpret_cast<std::byte*>(to) + b * static_cast<Index>(sizeof(T)), &block, sizeof block);
  }
  return crest::is_scaled<T> ? whole : 1.0f;
}

}  // namespace test
