// The parts of a GGML_OP_FLASH_ATTN_EXT node by name, and as views of crest.
//
// In ggml's order of axes, innermost first: q f32 [head_dim, tokens, heads, streams], k [head_dim, keys, kv_heads,
// streams], v [value_dim, keys, kv_heads, streams], mask f16 [keys, tokens, 1, streams or 1], sinks f32 [heads], result
// f32 [value_dim, heads, tokens, streams]. A stream is a cache of its own; llama.cpp gives each sequence one, or all
// sequences the same.
//
// A logit is softcap * tanh(scale * q . k / softcap) + slope of the head * mask[key]; a sink logit joins the
// denominator alone. (ggml_compute_forward_flash_attn_ext_f16_one_chunk in ggml-cpu/ops.cpp.)
#pragma once

#include <array>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "crest/crest.hpp"
#include "ggml.h"

namespace plugin {

using crest::Index;

struct FlashNode {
  const ggml_tensor* op;

  const ggml_tensor* q() const { return op->src[0]; }
  const ggml_tensor* k() const { return op->src[1]; }
  const ggml_tensor* v() const { return op->src[2]; }
  const ggml_tensor* mask() const { return op->src[3]; }
  const ggml_tensor* sinks() const { return op->src[4]; }

  Index queries() const { return q()->ne[1]; }
  Index heads() const { return q()->ne[2]; }
  Index streams() const { return q()->ne[3]; }
  Index keys() const { return k()->ne[1]; }
  Index kv_heads() const { return k()->ne[2]; }

  float scale() const { return parameter(0); }
  float alibi_bias() const { return parameter(1); }
  float softcap() const { return parameter(2); }

  /// Row of the mask for a query.
  const std::uint16_t* mask_row(Index stream, Index query) const {
    return static_cast<const std::uint16_t*>(at(mask(), stream % mask()->ne[3] * mask()->nb[3])) +
           query * mask()->ne[0];
  }

  /// Queries of one stream, [heads, tokens, head_dim].
  crest::TensorView<const float, 3> queries_of(Index stream) const { return view<const float>(q(), stream, {2, 1, 0}); }

  /// The problem of one stream, all keys visible.
  template <class T>
  crest::Problem<T> problem(Index stream) const {
    crest::Problem<T> p;
    p.q = queries_of(stream);
    p.k = view<const T>(k(), stream, {2, 1, 0});
    p.v = view<const T>(v(), stream, {2, 1, 0});
    p.o = view<float>(op, stream, {1, 2, 0});
    p.scale = scale();
    p.logits.softcap = std::fabs(softcap());  // its sign makes no difference
    if (sinks()) p.logits.sinks = {static_cast<const float*>(sinks()->data), static_cast<std::size_t>(heads())};
    return p;
  }

  /// The mask of one stream as a bias, the same for all heads: [heads, tokens, keys].
  crest::RowView<const float> bias(Index stream) const {
    const auto* rows = reinterpret_cast<const crest::f16*>(mask_row(stream, 0));
    return crest::TensorView<const crest::f16, 3>(rows, {heads(), queries(), keys()}, {0, mask()->ne[0], 1});
  }

  /// What the mask is multiplied by in each head; empty where ALiBi is off.
  std::vector<float> slopes() const;

 private:
  static void* at(const ggml_tensor* t, std::size_t bytes) { return static_cast<char*>(t->data) + bytes; }

  /// One stream of a tensor, its axes in the order of `axes`. A block of elements is one element of the view.
  template <class T>
  static crest::TensorView<T, 3> view(const ggml_tensor* t, Index stream, std::array<int, 3> axes) {
    std::array<Index, 3> extents, strides;
    for (int r = 0; r < 3; ++r) {
      extents[r] = t->ne[axes[r]] / (axes[r] == 0 ? crest::elements_in<std::remove_const_t<T>> : 1);
      strides[r] = static_cast<Index>(t->nb[axes[r]] / sizeof(T));
    }
    return {static_cast<T*>(at(t, stream * t->nb[3])), extents, strides};
  }

  float parameter(int i) const {
    float value;
    std::memcpy(&value, op->op_params + i, sizeof value);
    return value;
  }
};

/// f(std::type_identity<T>()) with the cache element T that this type is to crest; false where it is none.
template <class F>
bool with_element(ggml_type type, F&& f) {
  switch (type) {
    case GGML_TYPE_F32:
      return f(std::type_identity<float>()), true;
    case GGML_TYPE_F16:
      return f(std::type_identity<crest::f16>()), true;
    case GGML_TYPE_BF16:
      return f(std::type_identity<crest::bf16>()), true;
    case GGML_TYPE_Q8_0:
      return f(std::type_identity<crest::q8_0>()), true;
    case GGML_TYPE_Q4_0:
      return f(std::type_identity<crest::q4_0>()), true;
    default:
      return false;
  }
}

/// Whether crest computes this node: K and V of one type that it knows, one mask for all heads.
bool attention_supported(const ggml_tensor* op);

}  // namespace plugin
