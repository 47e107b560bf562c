// Problem: what to compute, as borrowed views.
#pragma once

#include <span>

#include "crest/core/logit_options.hpp"
#include "crest/core/mask.hpp"
#include "crest/core/page_table.hpp"

namespace crest {
inline namespace v0 {

class KeyIndex;
class KeySketch;

/// One attention call: o = softmax(scale * q k^T + mask) v for every query head and query.
/// T is the storage type of the cache: float, f16, bf16, q8_0, q4_0, i8 or i4x32. Accumulation is always in float.
template <class T>
struct Problem {
  static_assert(is_cache_element<T>, "crest: k and v hold float, f16, bf16, q8_0, q4_0, i8 or i4x32");

  RowView<const float> q;  ///< [heads, queries, head_dim], of float, f16 or bf16
  TensorView<const T, 3> k,
      v;                       ///< [kv_heads, keys, head_dim], [kv_heads, keys, value_dim]; blocks count as one element
  RowView<float> o;            ///< [heads, queries, value_dim], of float, f16 or bf16
  TensorView<float, 2> lse{};  ///< optional out: [heads, queries], natural log of the softmax denominator
  TensorView<float, 2> error{};  ///< optional out: [heads, queries], predicted relative error of o; 0 = exact row
  float scale = 0;               ///< 0 means 1/sqrt(head_dim)
  Mask mask{};
  std::span<const KeyRange> ranges{};  ///< optional, replaces mask: query i sees ranges[range_of[i] .. range_of[i+1]),
  std::span<const Index> range_of{};   ///< sorted and disjoint; queries + 1 entries
  const KeySketch* sketch = nullptr;   ///< needed by the recipe `guided`
  LogitOptions logits{};               ///< softcap, ALiBi slopes, bias, sink logits
  PageTable pages{};                   ///< optional: k and v are views of one page of a pool
  TensorView<const float, 2> k_scales{}, v_scales{};  ///< [kv_heads, keys]; for i8 and i4x32: factors of a key's rows
  const KeyIndex* index = nullptr;  ///< needed by samplers that choose groups of keys: BlockMean, TopBlocks ...

  CREST_INLINE constexpr Index heads() const { return q.extent(0); }
  CREST_INLINE constexpr Index queries() const { return q.extent(1); }
  CREST_INLINE constexpr Index head_dim() const { return q.extent(2); }
  CREST_INLINE constexpr Index kv_heads() const { return k.extent(0); }
  CREST_INLINE constexpr Index keys() const { return pages.given() ? pages.keys : k.extent(1); }
  CREST_INLINE constexpr Index value_dim() const { return v.extent(2) * elements_in<T>; }
  /// Query heads that share one KV head; query head h uses KV head h / gqa_group().
  CREST_INLINE constexpr Index gqa_group() const { return kv_heads() ? heads() / kv_heads() : 0; }
};

}  // namespace v0
}  // namespace crest
