#include "peaked.hpp"

#include <algorithm>
#include <cmath>

#include "noise.hpp"

namespace bench {

namespace {

constexpr Index clusters = 4, segment_keys = 256;

/// Vector number `which` of a stream: `dim` normal numbers.
std::vector<float> direction(Stream stream, Index which, Index dim) {
  std::vector<float> c(dim);
  for (Index x = 0; x < dim; ++x) c[x] = normal(stream, which * dim + x);
  return c;
}

std::vector<float> centre(const Shape& s, Index kv_head, Index cluster) {
  return direction(Stream::centres, kv_head * clusters + cluster % clusters, s.head_dim);
}

/// Keys of one KV head between two anchors of the drift.
template <class T>
void drift_segment(const Shape& s, Index kv_head, Index segment, T* k) {
  const Index dim = s.head_dim, anchor = kv_head * (s.keys / segment_keys + 2) + segment;
  const Index first = segment * segment_keys, last = std::min(first + segment_keys, s.keys);
  const std::vector<float> from = direction(Stream::anchors, anchor, dim);
  const std::vector<float> to = direction(Stream::anchors, anchor + 1, dim);
  for (Index j = first; j < last; ++j) {
    const float part = static_cast<float>(j - first) / segment_keys;
    for (Index x = 0; x < dim; ++x) {
      const float noise = normal(Stream::keys, (kv_head * s.keys + j) * dim + x);
      k[j * dim + x] = as_type<T>(0.8f * (from[x] + part * (to[x] - from[x])) + 0.55f * noise);
    }
  }
}

template <class T>
void add_cluster(const Shape& s, Index kv_head, Index cluster, T* k) {
  const Index dim = s.head_dim, length = std::max<Index>(8, s.keys / 512);
  const std::vector<float> c = centre(s, kv_head, cluster);
  const Index first = static_cast<Index>(mix(Stream::places, kv_head * clusters + cluster) % (s.keys - length + 1));
  for (Index i = first * dim; i < (first + length) * dim; ++i)
    k[i] = as_type<T>(crest::to_float(k[i]) + 0.5f * c[i % dim]);
}

}  // namespace

std::vector<float> make_peaked_queries(const Shape& s) {
  const Index dim = s.head_dim;
  const float aim = 8 / std::sqrt(static_cast<float>(dim));
  std::vector<float> q;
  for (Index h = 0; h < s.heads; ++h) {
    const Index kv_head = h / (s.heads / s.kv_heads);
    const std::vector<float> own = direction(Stream::queries, h, dim), common = direction(Stream::aims, kv_head, dim);
    const std::vector<float> near = centre(s, kv_head, h), far = centre(s, kv_head, h + 1);
    for (Index x = 0; x < dim; ++x) q.push_back(4 * (0.8f * common[x] + 0.6f * own[x]) + aim * (near[x] + far[x]));
  }
  return q;
}

template <class T>
void fill_peaked_keys(const Shape& s, T* k) {
  for (Index h = 0; h < s.kv_heads; ++h, k += s.keys * s.head_dim) {
    for (Index segment = 0; segment * segment_keys < s.keys; ++segment) drift_segment(s, h, segment, k);
    for (Index cluster = 0; cluster < clusters; ++cluster) add_cluster(s, h, cluster, k);
  }
}

template <class T>
void fill_peaked_values(const Shape& s, T* v) {
  for (Index h = 0; h < s.kv_heads; ++h) {
    const std::vector<float> mean = direction(Stream::value_means, h, s.head_dim);
    for (Index i = h * s.keys * s.head_dim; i < (h + 1) * s.keys * s.head_dim; ++i)
      v[i] = as_type<T>(0.5f * mean[i % s.head_dim] + normal(Stream::values, i));
  }
}

template void fill_peaked_keys(const Shape&, float*);
template void fill_peaked_keys(const Shape&, f16*);
template void fill_peaked_keys(const Shape&, bf16*);
template void fill_peaked_values(const Shape&, float*);
template void fill_peaked_values(const Shape&, f16*);
template void fill_peaked_values(const Shape&, bf16*);

}  // namespace bench
