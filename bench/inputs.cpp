#include "inputs.hpp"

#include <algorithm>

#include "noise.hpp"
#include "support/quantise.hpp"

namespace bench {

namespace {

std::vector<float> centre(const Shape& s, Index kv_head) {
  std::vector<float> c(s.head_dim);
  for (Index x = 0; x < s.head_dim; ++x) c[x] = normal(Stream::centres, kv_head * s.head_dim + x);
  return c;
}

/// Few-bit rows of the floats that fill() writes, which are gone before anything is timed.
template <class T, class Fill>
void quantise_rows(const Shape& s, T* to, float* scales, Fill fill) {
  const Pages floats(s.kv_elements() * sizeof(float));
  fill(floats.as<float>());
  for (Index row = 0; row < s.kv_heads * s.keys; ++row) {
    const float scale = test::quantise(floats.as<float>() + row * s.head_dim, s.head_dim,
                                       to + row * s.head_dim / crest::elements_in<T>);
    if constexpr (crest::is_scaled<T>) scales[row] = scale;
  }
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
  const Index rows = s.heads * s.queries;
  std::vector<float> q(rows * s.head_dim);
  for (Index r = 0; r < rows; ++r) {
    const std::vector<float> c = centre(s, r / s.queries / (s.heads / s.kv_heads));
    for (Index x = 0; x < s.head_dim; ++x) {
      const float noise = normal(Stream::queries, r * s.head_dim + x);
      q[r * s.head_dim + x] = near ? 1.5f * c[x] + 0.5f * noise : noise;
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

template <class T>
void quantise_keys(const Shape& s, T* k, float* scales) {
  quantise_rows(s, k, scales, [&](float* floats) { fill_keys(s, floats); });
}
template <class T>
void quantise_values(const Shape& s, T* v, float* scales) {
  quantise_rows(s, v, scales, [&](float* floats) { fill_values(s, floats); });
}

template void fill_keys(const Shape&, float*);
template void fill_keys(const Shape&, f16*);
template void fill_keys(const Shape&, bf16*);
template void fill_values(const Shape&, float*);
template void fill_values(const Shape&, f16*);
template void fill_values(const Shape&, bf16*);
template void quantise_keys(const Shape&, crest::q8_0*, float*);
template void quantise_keys(const Shape&, crest::q4_0*, float*);
template void quantise_keys(const Shape&, crest::i8*, float*);
template void quantise_keys(const Shape&, crest::i4x32*, float*);
template void quantise_values(const Shape&, crest::q8_0*, float*);
template void quantise_values(const Shape&, crest::q4_0*, float*);
template void quantise_values(const Shape&, crest::i8*, float*);
template void quantise_values(const Shape&, crest::i4x32*, float*);

}  // namespace bench
