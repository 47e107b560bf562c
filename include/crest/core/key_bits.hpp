// One bit for each key of a tile.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "crest/core/config.hpp"

namespace crest {
inline namespace CREST_ABI {

/// N bits, a multiple of 64.
template <int N>
struct KeyBits {
  static constexpr int words = N / 64;
  std::uint64_t word[words] = {};

  /// The first n of them.
  CREST_INLINE static KeyBits first(int n) {
    KeyBits bits;
    for (int w = 0; w < words; ++w) {
      const int some = std::clamp(n - 64 * w, 0, 64);
      bits.word[w] = some > 0 ? ~std::uint64_t{0} >> (64 - some) : 0;
    }
    return bits;
  }
  /// Those of [first, last).
  CREST_INLINE static KeyBits between(int first, int last) {
    KeyBits bits = KeyBits::first(last);
    const KeyBits before = KeyBits::first(first);
    for (int w = 0; w < words; ++w) bits.word[w] &= ~before.word[w];
    return bits;
  }
  CREST_INLINE void insert(int i) { word[i / 64] |= std::uint64_t{1} << i % 64; }
  CREST_INLINE bool operator==(const KeyBits&) const = default;
  CREST_INLINE KeyBits& operator|=(const KeyBits& other) {
    for (int w = 0; w < words; ++w) word[w] |= other.word[w];
    return *this;
  }
  CREST_INLINE KeyBits& operator&=(const KeyBits& other) {
    for (int w = 0; w < words; ++w) word[w] &= other.word[w];
    return *this;
  }
  CREST_INLINE bool any() const { return count() > 0; }
  CREST_INLINE int count() const {
    int n = 0;
    for (const std::uint64_t w : word) n += std::popcount(w);
    return n;
  }
  CREST_INLINE bool holds(int i) const { return word[i / 64] >> i % 64 & 1; }
  /// The first one, and the place behind the last. There must be one.
  CREST_INLINE int begin() const {
    int w = 0;
    while (word[w] == 0) ++w;
    return 64 * w + std::countr_zero(word[w]);
  }
  CREST_INLINE int end() const {
    int w = words - 1;
    while (word[w] == 0) --w;
    return 64 * (w + 1) - std::countl_zero(word[w]);
  }
  /// Calls f(i) for every bit that is set.
  template <class F>
  CREST_INLINE void each(F&& f) const {
    for (int w = 0; w < words; ++w)
      for (std::uint64_t rest = word[w]; rest != 0; rest &= rest - 1) f(64 * w + std::countr_zero(rest));
  }
};

}  // namespace CREST_ABI
}  // namespace crest
