// Attention as llama.cpp puts it into a graph: views of a cache whose rows hold all heads of a key.
#pragma once

#include <cmath>
#include <random>

#include "crest/crest.hpp"
#include "ggml_session.hpp"
#include "support/compare.hpp"

namespace test {

using crest::Index;

struct AttentionShape {
  ggml_type type = GGML_TYPE_F16;
  Index head_dim = 64, value_dim = 64, heads = 4, kv_heads = 2;
  Index keys = 200, queries = 3, streams = 1;
};

/// Fills a tensor of f32, f16 or bf16, element by element in memory order.
inline void fill(ggml_tensor* t, const std::function<float(Index)>& value) {
  for (Index i = 0; i < ggml_nelements(t); ++i) switch (t->type) {
      case GGML_TYPE_F32:
        static_cast<float*>(t->data)[i] = value(i);
        break;
      case GGML_TYPE_F16:
        static_cast<crest::f16*>(t->data)[i] = crest::to_f16(value(i));
        break;
      default:
        static_cast<crest::bf16*>(t->data)[i] = crest::to_bf16(value(i));
    }
}

inline void fill_normal(ggml_tensor* t, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  fill(t, [&](Index) { return normal(random); });
}

/// Which keys a query of a stream sees.
using Sees = std::function<bool(Index stream, Index query, Index key)>;

/// Queries, caches and a mask, all random.
struct AttentionTensors {
  AttentionShape shape;
  Memory memory;
  ggml_tensor *q, *k, *v, *mask;

  explicit AttentionTensors(const AttentionShape& s, const Sees& sees) : shape(s) {
    q = memory.add(GGML_TYPE_F32, {s.head_dim, s.heads, s.queries, s.streams});
    k = memory.add(s.type, {s.head_dim * s.kv_heads, s.keys, s.streams}, "cache_k_l0");
    v = memory.add(s.type, {s.value_dim * s.kv_heads, s.keys, s.streams}, "cache_v_l0");
    mask = memory.add(GGML_TYPE_F16, {s.keys, s.queries, 1, s.streams});
    memory.allocate();
    fill_normal(q, 1);
    if (!ggml_is_quantized(s.type)) fill_normal(k, 2), fill_normal(v, 3);
    set_mask(sees);
  }

  void set_mask(const Sees& sees) {
    fill(mask, [&](Index i) {
      const Index row = i / shape.keys;
      return sees(row / shape.queries, row % shape.queries, i % shape.keys) ? 0.0f : -INFINITY;
    });
  }

  float scale() const { return 1 / std::sqrt(static_cast<float>(shape.head_dim)); }

  /// The first `keys` keys of a cache as the node takes them.
  ggml_tensor* cache_view(ggml_context* c, ggml_tensor* cache, Index dim) const {
    const std::size_t head = ggml_row_size(cache->type, dim);
    ggml_tensor* rows =
        ggml_view_4d(c, cache, dim, shape.kv_heads, shape.keys, shape.streams, head, cache->nb[1], cache->nb[2], 0);
    return ggml_permute(c, rows, 0, 2, 1, 3);
  }

  ggml_tensor* node(ggml_context* c, float bias = 0, float softcap = 0) const {
    return ggml_flash_attn_ext(c, ggml_permute(c, q, 0, 2, 1, 3), cache_view(c, k, shape.head_dim),
                               cache_view(c, v, shape.value_dim), mask, scale(), bias, softcap);
  }
};

/// Largest relative distance of a stream's result from the oracle's.
template <class T>
double distance_from_oracle(const AttentionTensors& a, const Sees& sees, ggml_tensor* result, Index stream) {
  const AttentionShape& s = a.shape;
  const auto rows = [&](ggml_tensor* t, Index heads, Index count, Index dim) {
    T* data = static_cast<T*>(t->data) + stream * count * heads * dim;
    return crest::TensorView<const T, 3>(data, {heads, count, dim}, {dim, heads * dim, 1});
  };
  crest::Problem<T> p;
  const std::array<Index, 3> query_strides{s.head_dim, s.heads * s.head_dim, 1};
  p.q = {static_cast<float*>(a.q->data) + stream * s.queries * s.heads * s.head_dim,
         {s.heads, s.queries, s.head_dim},
         query_strides};
  p.k = rows(a.k, s.kv_heads, s.keys, s.head_dim);
  p.v = rows(a.v, s.kv_heads, s.keys, s.value_dim);
  p.o = {static_cast<float*>(result->data) + stream * s.queries * s.heads * s.value_dim,
         {s.heads, s.queries, s.value_dim},
         {s.value_dim, s.heads * s.value_dim, 1}};
  p.scale = a.scale();
  std::vector<crest::KeyRange> ranges;
  std::vector<Index> range_of{0};
  for (Index i = 0; i < s.queries; ++i) {
    for (Index j = 0; j < s.keys; ++j)
      if (sees(stream, i, j)) ranges.push_back({j, j + 1});
    range_of.push_back(static_cast<Index>(ranges.size()));
  }
  p.ranges = ranges;
  p.range_of = range_of;
  return distance(p, oracle::solve(p)).o;
}

inline std::vector<float> values(const ggml_tensor* t) {
  const auto* data = static_cast<const float*>(t->data);
  return {data, data + ggml_nelements(t)};
}

}  // namespace test
