#include "batch.hpp"

#include <algorithm>

namespace demo {

using crest::f16;
using crest::Index;

namespace {

std::vector<f16> repeated(const std::vector<f16>& once, Index copies) {
  std::vector<f16> all;
  all.reserve(once.size() * copies);
  for (Index i = 0; i < copies; ++i) all.insert(all.end(), once.begin(), once.end());
  return all;
}

}  // namespace

Batch::Batch(const Trace& trace, const Layer& layer, double footprint)
    : trace_(&trace),
      layer_(&layer),
      o_(trace.heads * trace.queries() * trace.value_dim),
      error_(trace.heads * trace.queries()) {
  const double once = static_cast<double>(layer.k.size() + layer.v.size()) * sizeof(f16);
  const Index copies = std::clamp<Index>(static_cast<Index>(footprint / once + 0.5), 1, trace.queries());
  k_ = repeated(layer.k, copies);
  v_ = repeated(layer.v, copies);
  for (Index i = 0; i < trace.queries(); ++i) problems_.push_back(problem(i, i % copies));
}

crest::Problem<f16> Batch::problem(Index query, Index copy) {
  const Trace& t = *trace_;
  const Index d = t.head_dim, dv = t.value_dim, m = t.queries(), visible = t.positions[query] + 1;
  const f16* k = k_.data() + copy * t.kv_heads * t.keys * d;
  const f16* v = v_.data() + copy * t.kv_heads * t.keys * dv;
  return {.q = {layer_->q.data() + query * d, {t.heads, 1, d}, {m * d, d, 1}},
          .k = {k, {t.kv_heads, visible, d}, {t.keys * d, d, 1}},
          .v = {v, {t.kv_heads, visible, dv}, {t.keys * dv, dv, 1}},
          .o = {o_.data() + query * dv, {t.heads, 1, dv}, {m * dv, dv, 1}},
          .error = {error_.data() + query, {t.heads, 1}, {m, 1}},
          .scale = t.scale};
}

crest::Problem<f16> Batch::group(Index query, Index kv_head) const {
  crest::Problem<f16> p = problems_[query];
  const auto narrow = [](auto view, Index first, Index count) {
    return decltype(view)(view.data_handle() + first * view.stride(0), {count, view.extent(1), view.extent(2)},
                          {view.stride(0), view.stride(1), view.stride(2)});
  };
  const Index heads = trace_->gqa_group();
  p.q = narrow(p.q, kv_head * heads, heads);
  p.o = narrow(p.o, kv_head * heads, heads);
  p.error = {};
  p.k = narrow(p.k, kv_head, 1);
  p.v = narrow(p.v, kv_head, 1);
  return p;
}

double dense_bytes(const crest::Problem<f16>& p) {
  return static_cast<double>(p.kv_heads() * p.keys() * (p.head_dim() + p.value_dim())) * sizeof(f16);
}

double dense_bytes(const Batch& batch) {
  double bytes = 0;
  for (const crest::Problem<f16>& p : batch.problems()) bytes += dense_bytes(p);
  return bytes;
}

}  // namespace demo
