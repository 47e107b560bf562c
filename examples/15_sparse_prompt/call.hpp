// A layer's prompt as a call of crest.
#pragma once

#include "../common/trace.hpp"

namespace prompt {

class Call {
 public:
  Call(const demo::Trace& trace, const demo::Layer& layer)
      : trace_(&trace),
        layer_(&layer),
        o_(trace.heads * trace.queries() * trace.value_dim),
        error_(trace.heads * trace.queries()) {}
  Call(const Call&) = delete;

  crest::Problem<crest::f16> problem() {
    const demo::Trace& t = *trace_;
    return {.q = {layer_->q.data(), {t.heads, t.queries(), t.head_dim}},
            .k = {layer_->k.data(), {t.kv_heads, t.keys, t.head_dim}},
            .v = {layer_->v.data(), {t.kv_heads, t.keys, t.value_dim}},
            .o = {o_.data(), {t.heads, t.queries(), t.value_dim}},
            .error = {error_.data(), {t.heads, t.queries()}},
            .scale = t.scale,
            .mask = {.causal = true}};
  }
  /// Answers [value_dim] and predicted errors of the call before.
  const float* output(crest::Index row) const { return o_.data() + row * trace_->value_dim; }
  double told(crest::Index row) const { return error_[row]; }

 private:
  const demo::Trace* trace_;
  const demo::Layer* layer_;
  std::vector<float> o_, error_;  // [heads, queries, value_dim], [heads, queries]
};

}  // namespace prompt
