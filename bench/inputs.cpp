#include "inputs.hpp"

#include <algorithm>

#include "noise.hpp"

namespace bench {

namespace {

std::vector<float> centre(const Shape& s, Index kv_head) {
  std::vector<float> c(s.head_dim);
  for (Index x = 0; x < s.head_dim; ++x) c[x] = normal(Stream::centres, kv_head * s.head_dim + x);
  return c;
}

/// Replaces two runs of keys of one KV head by its centre and 0.3 of what stood there.
template <class T>
void make_plateaus(const Shape& s, Index kv_head, T* k) {
  constexpr int runs = 2;
  const Index length = std::min<Index>(s.keys, 48);
  const std::vector<float> c = centre(s, kv_head);
  for (int run = 0; run < runs; ++run) {
    const Index first = static_cast<Index>(mix(Stream::places, kv_head * runs + run) % (s.keys - length + 1));
    for (Index i = first * s.head_dim; i < (first + length) * s.head_dim; ++i)
      k[i] = as_type<T>(c[i % s.head_dim] + 0.3f * normal(Stream::keys, kv_head * s.keys * s.head_dim + i));
  }
}

}  // namespace

std::vector<float> make_queries(const Shape& s, bool near) {
  std::vector<float> q(s.heads * s.head_dim);
  for (Index h = 0; h < s.heads; ++h) {
    const std::vector<float> c = centre(s, h / (s.heads / s.kv_heads));
    for (Index x = 0; x < s.head_dim; ++x) {
      const float noise = normal(Stream::queries, h * s.head_dim + x);
      q[h * s.head_dim + x] = near ? 1.5f * c[x] + 0.5f * noise : noise;
    }
  }
  return q;
}

template <class T>
void fill_keys(const Shape& s, T* k) {
  for (Index i = 0; i < s.kv_elements(); ++i) k[i] = as_type<T>(normal(Stream::keys, i));
  for (Index h = 0; h < s.kv_heads; ++h) make_plateaus(s, h, k + h * s.keys * s.head_dim);
}

template <class T>
void fill_values(const Shape& s, T* v) {
  for (Index i = 0; i < s.kv_elements(); ++i) v[i] = as_type<T>(normal(Stream::values, i));
}

template void fill_keys(const Shape&, float*);
template void fill_keys(const Shape&, f16*);
template void fill_keys(const Shape&, bf16*);
template void fill_values(const Shape&, float*);
template void fill_values(const Shape&, f16*);
template void fill_values(const Shape&, bf16*);

}  // namespace bench
