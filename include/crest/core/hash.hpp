// A short hash of row bytes, by which guided attention notices that a cache row was rewritten behind its sketch.
#pragma once

#include <cstdint>
#include <cstring>

#include "crest/core/dtype.hpp"
#include "crest/core/rotation.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

/// 64-bit hash of `bytes` bytes, continuing from `seed`: four independent multiply-rotate lanes over words of 8 bytes.
CREST_INLINE std::uint64_t hash_bytes(const void* data, std::size_t bytes, std::uint64_t seed) {
  const auto* p = static_cast<const unsigned char*>(data);
  std::uint64_t lane[4] = {seed, seed + 1, seed + 2, seed + 3};
  const auto absorb = [](std::uint64_t h, std::uint64_t x) { return std::rotl(h ^ x, 29) * 0x9e3779b97f4a7c15u; };
  for (; bytes >= 32; bytes -= 32, p += 32)
    for (int i = 0; i < 4; ++i) {
      std::uint64_t word;
      std::memcpy(&word, p + 8 * i, 8);
      lane[i] = absorb(lane[i], word);
    }
  for (; bytes > 0; --bytes, ++p) lane[bytes % 4] = absorb(lane[bytes % 4], *p);
  return mix(absorb(absorb(lane[0], lane[1]), absorb(lane[2], lane[3])));
}

/// 16-bit hash of a row of K.
template <class T>
CREST_INLINE std::uint16_t row_hash(const T* k, Index head_dim) {
  return static_cast<std::uint16_t>(hash_bytes(k, static_cast<std::size_t>(bytes_of<T>(head_dim)), 1) >> 48);
}

}  // namespace detail
}  // namespace CREST_ABI
}  // namespace crest
