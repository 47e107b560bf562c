#include "inputs.hpp"

#include <algorithm>
#include <cstdint>

namespace bench {

namespace {

enum Stream : std::uint64_t { queries = 1, keys, values, centres, places };

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

std::vector<float> centre(const Shape& s, Index kv_head) {
  std::vector<float> c(s.head_dim);
  for (Index x = 0; x < s.head_dim; ++x) c[x] = normal(centres, kv_head * s.head_dim + x);
  return c;
}

/// Replaces two runs of keys of one KV head by its centre and 0.3 of what stood there.
template <class T>
void make_plateaus(const Shape& s, Index kv_head, T* k) {
  constexpr int runs = 2;
  const Index length = std::min<Index>(s.keys, 48);
  const std::vector<float> c = centre(s, kv_head);
  for (int run = 0; run < runs; ++run) {
    const Index first = static_cast<Index>(mix(places, kv_head * runs + run) % (s.keys - length + 1));
    for (Index i = first * s.head_dim; i < (first + length) * s.head_dim; ++i)
      k[i] = as_type<T>(c[i % s.head_dim] + 0.3f * normal(keys, kv_head * s.keys * s.head_dim + i));
  }
}

}  // namespace

std::vector<float> make_queries(const Shape& s, bool near) {
  std::vector<float> q(s.heads * s.head_dim);
  for (Index h = 0; h < s.heads; ++h) {
    const std::vector<float> c = centre(s, h / (s.heads / s.kv_heads));
    for (Index x = 0; x < s.head_dim; ++x) {
      const float noise = normal(queries, h * s.head_dim + x);
      q[h * s.head_dim + x] = near ? 1.5f * c[x] + 0.5f * noise : noise;
    }
  }
  return q;
}

template <class T>
void fill_keys(const Shape& s, T* k) {
  for (Index i = 0; i < s.kv_elements(); ++i) k[i] = as_type<T>(normal(keys, i));
  for (Index h = 0; h < s.kv_heads; ++h) make_plateaus(s, h, k + h * s.keys * s.head_dim);
}

template <class T>
void fill_values(const Shape& s, T* v) {
  for (Index i = 0; i < s.kv_elements(); ++i) v[i] = as_type<T>(normal(values, i));
}

template void fill_keys(const Shape&, float*);
template void fill_keys(const Shape&, f16*);
template void fill_keys(const Shape&, bf16*);
template void fill_values(const Shape&, float*);
template void fill_values(const Shape&, f16*);
template void fill_values(const Shape&, bf16*);

}  // namespace bench
