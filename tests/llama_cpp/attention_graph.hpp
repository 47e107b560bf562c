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
  float softcap = 0, alibi = 0;  ///< parameters of the node
  bool sinks = false;
};

/// Stores elements in memory order as the tensor's type.
inline void store(ggml_tensor* t, const std::vector<float>& values) {
  ggml_quantize_chunk(t->type, values.data(), t->data, 0, ggml_nrows(t), t->ne[0], nullptr);
}

/// The same, element by element.
inline void fill(ggml_tensor* t, const std::function<float(Index)>& value) {
  std::vector<float> values;
  for (Index i = 0; i < ggml_nelements(t); ++i) values.push_back(value(i));
  store(t, values);
}

inline void fill_normal(ggml_tensor* t, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  fill(t, [&](Index) { return normal(random); });
}

/// Elements in memory order, as ggml reads them.
inline std::vector<float> values(const ggml_tensor* t) {
  std::vector<float> all(ggml_nelements(t));
  if (t->type == GGML_TYPE_F32)
    std::memcpy(all.data(), t->data, ggml_nbytes(t));
  else
    ggml_get_type_traits(t->type)->to_float(t->data, all.data(), ggml_nelements(t));
  return all;
}

/// Which keys a query of a stream sees.
using Sees = std::function<bool(Index stream, Index query, Index key)>;
/// What the mask says of a key: -inf hides it.
using Bias = std::function<float(Index stream, Index query, Index key)>;

/// Queries, caches and a mask, all random.
struct AttentionTensors {
  AttentionShape shape;
  Memory memory;
  ggml_tensor *q, *k, *v, *mask, *sinks = nullptr;

  explicit AttentionTensors(const AttentionShape& s, const Sees& sees) : shape(s) {
    q = memory.add(GGML_TYPE_F32, {s.head_dim, s.heads, s.queries, s.streams});
    k = memory.add(s.type, {s.head_dim * s.kv_heads, s.keys, s.streams}, "cache_k_l0");
    v = memory.add(s.type, {s.value_dim * s.kv_heads, s.keys, s.streams}, "cache_v_l0");
    mask = memory.add(GGML_TYPE_F16, {s.keys, s.queries, 1, s.streams});
    ggml_set_input(mask);
    if (s.sinks) sinks = memory.add(GGML_TYPE_F32, {s.heads});
    memory.allocate();
    fill_normal(q, 1), fill_normal(k, 2), fill_normal(v, 3);
    if (sinks) fill(sinks, [](Index h) { return 3.0f - static_cast<float>(h); });
    set_mask(sees);
  }

  void set_mask(const Sees& sees) {
    set_bias([&](Index stream, Index query, Index key) { return sees(stream, query, key) ? 0.0f : -INFINITY; });
  }
  void set_bias(const Bias& bias) { fill_mask(mask, bias); }
  void fill_mask(ggml_tensor* to, const Bias& bias) const {
    fill(to, [&](Index i) {
      const Index row = i / shape.keys;
      return bias(row / shape.queries, row % shape.queries, i % shape.keys);
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
  ggml_tensor* queries(ggml_context* c) const { return ggml_permute(c, q, 0, 2, 1, 3); }
  ggml_tensor* keys(ggml_context* c) const { return cache_view(c, k, shape.head_dim); }
  ggml_tensor* values_of_keys(ggml_context* c) const { return cache_view(c, v, shape.value_dim); }

  ggml_tensor* node(ggml_context* c) const { return node(c, mask); }
  ggml_tensor* node(ggml_context* c, ggml_tensor* any_mask) const {
    ggml_tensor* node =
        ggml_flash_attn_ext(c, queries(c), keys(c), values_of_keys(c), any_mask, scale(), shape.alibi, shape.softcap);
    ggml_flash_attn_ext_add_sinks(node, sinks);
    return node;
  }

  /// ggml's slopes of ALiBi, from its formula.
  std::vector<float> slopes() const {
    std::vector<float> all;
    const double n = std::exp2(std::floor(std::log2(static_cast<double>(shape.heads))));
    for (double h = 0; h < static_cast<double>(shape.heads) && shape.alibi > 0; ++h)
      all.push_back(static_cast<float>(h < n ? std::exp2(-shape.alibi * (h + 1) / n)
                                             : std::exp2(-shape.alibi / 2 * (2 * (h - n) + 1) / n)));
    return all;
  }
};

/// The problem of one stream on floats of its own, for the oracle, with the mask as it is now.
class OracleProblem {
 public:
  OracleProblem(const AttentionTensors& a, const std::vector<float>& result, Index stream)
      : q_(values(a.q)), k_(values(a.k)), v_(values(a.v)), o_(result), mask_(values(a.mask)), slopes_(a.slopes()) {
    const AttentionShape& s = a.shape;
    p.q = rows<const float>(q_, stream, s.heads, s.queries, s.head_dim);
    p.k = rows<const float>(k_, stream, s.kv_heads, s.keys, s.head_dim);
    p.v = rows<const float>(v_, stream, s.kv_heads, s.keys, s.value_dim);
    p.o = rows<float>(o_, stream, s.heads, s.queries, s.value_dim);
    p.scale = a.scale();
    p.logits.softcap = std::abs(s.softcap);
    if (a.sinks) sinks_ = values(a.sinks), p.logits.sinks = sinks_;
    see(s, stream);
  }
  OracleProblem(const OracleProblem&) = delete;

  crest::Problem<float> p;

 private:
  /// [heads, count, dim] of a tensor whose heads lie side by side.
  template <class T>
  static crest::TensorView<T, 3> rows(std::vector<float>& t, Index stream, Index heads, Index count, Index dim) {
    return {t.data() + stream * count * heads * dim, {heads, count, dim}, {dim, heads * dim, 1}};
  }

  /// The mask: a range for each visible key, and its value as a bias.
  void see(const AttentionShape& s, Index stream) {
    const float* mask = mask_.data() + stream * s.queries * s.keys;
    range_of_.push_back(0);
    for (Index i = 0; i < s.queries; ++i) {
      for (Index j = 0; j < s.keys; ++j)
        if (mask[i * s.keys + j] != -INFINITY) ranges_.push_back({j, j + 1});
      range_of_.push_back(static_cast<Index>(ranges_.size()));
    }
    p.ranges = ranges_, p.range_of = range_of_;
    p.logits.bias = crest::TensorView<const float, 3>(mask, {s.heads, s.queries, s.keys}, {0, s.keys, 1});
    p.logits.bias_factors = slopes_;
  }

  std::vector<float> q_, k_, v_, o_, mask_, slopes_, sinks_;
  std::vector<crest::KeyRange> ranges_;
  std::vector<Index> range_of_;
};

/// Largest relative distance of a stream's result from the oracle's.
inline double distance_from_oracle(const AttentionTensors& a, const std::vector<float>& result, Index stream = 0) {
  const OracleProblem problem(a, result, stream);
  return distance(problem.p, oracle::solve(problem.p)).o;
}

inline double distance_from_oracle(const AttentionTensors& a, const ggml_tensor* result) {
  return distance_from_oracle(a, values(result));
}

}  // namespace test
