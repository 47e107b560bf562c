// Random numbers that depend on their place alone: the same in every program, on every machine, in any order.
#pragma once

#include <cstdint>

namespace bench {

enum class Stream : std::uint64_t { queries = 1, keys, values, centres, places, anchors, aims, value_means, prompt };

/// splitmix64: 64 well mixed bits of a position in a stream, with no state to carry.
constexpr std::uint64_t mix(Stream stream, std::uint64_t position) {
  std::uint64_t x = (static_cast<std::uint64_t>(stream) << 56) + position * 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

/// Mean 0, variance 1, within +-3.5: the sum of four 16-bit numbers, each uniform with variance 65536^2 / 12.
constexpr float normal(Stream stream, std::uint64_t position) {
  const std::uint64_t x = mix(stream, position);
  const auto part = [x](int i) { return static_cast<int>(x >> 16 * i & 0xffffu); };
  const int sum = part(0) + part(1) + part(2) + part(3) - 2 * 65535;
  return static_cast<float>(sum) * 2.6428996e-5f;  // sqrt(12 / 4) / 65536
}

}  // namespace bench
