// The parts of a GGML_OP_FLASH_ATTN_EXT node by name, and as views of crest.
//
// In ggml's order of axes, innermost first: q f32 [head_dim, tokens, heads, streams], k [head_dim, keys, kv_heads,
// streams], v [value_dim, keys, kv_heads, streams], mask f16 [keys, tokens, 1, streams or 1], result
// f32 [value_dim, heads, tokens, streams]. A stream is a cache of its own; llama.cpp gives each sequence one, or all
// sequences the same.
#pragma once

#include <array>
#include <cstring>

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

  /// The problem of one stream, all keys visible.
  template <class T>
  crest::Problem<T> problem(Index stream) const {
    crest::Problem<T> p;
    p.q = view<const float>(q(), stream, {2, 1, 0});
    p.k = view<const T>(k(), stream, {2, 1, 0});
    p.v = view<const T>(v(), stream, {2, 1, 0});
    p.o = view<float>(op, stream, {1, 2, 0});
    p.scale = scale();
    return p;
  }

 private:
  static void* at(const ggml_tensor* t, std::size_t bytes) { return static_cast<char*>(t->data) + bytes; }

  /// One stream of a tensor, its axes in the order of `axes`.
  template <class T>
  static crest::TensorView<T, 3> view(const ggml_tensor* t, Index stream, std::array<int, 3> axes) {
    std::array<Index, 3> extents, strides;
    for (int r = 0; r < 3; ++r) {
      extents[r] = t->ne[axes[r]];
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

/// Whether crest computes this node: caches of f32, f16 or bf16, no ALiBi, no softcap, no sink logits.
bool attention_supported(const ggml_tensor* op);

}  // namespace plugin
