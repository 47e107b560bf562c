// One layer of a trace as a ragged batch of decode steps: the query at position p sees keys 0..p.
#pragma once

#include <span>
#include <vector>

#include "trace.hpp"

namespace demo {

/// In a decode step no row is left in a core's own cache from the step before: all other layers passed through it. One
/// layer alone would stay there and flatter every method, so the cache is laid out in copies that fill `footprint`
/// bytes, and the problems take turns.
class Batch {
 public:
  Batch(const Trace& trace, const Layer& layer, double footprint);
  Batch(const Batch&) = delete;

  std::span<const crest::Problem<crest::f16>> problems() const { return problems_; }
  /// One KV head and its query heads at one position.
  crest::Problem<crest::f16> group(crest::Index query, crest::Index kv_head) const;
  /// The output row [value_dim] of the call before.
  const float* output(crest::Index head, crest::Index query) const {
    return o_.data() + (head * trace_->queries() + query) * trace_->value_dim;
  }
  /// What that call predicted as the relative error of the row; 0 where it said nothing.
  double predicted(crest::Index head, crest::Index query) const { return error_[head * trace_->queries() + query]; }
  const Trace& trace() const { return *trace_; }
  const Layer& layer() const { return *layer_; }

 private:
  crest::Problem<crest::f16> problem(crest::Index query, crest::Index copy);

  const Trace* trace_;
  const Layer* layer_;
  std::vector<crest::f16> k_, v_;  // [copies][kv_heads, keys, dim]
  std::vector<float> o_;           // [heads, positions, value_dim]
  std::vector<float> error_;       // [heads, positions]
  std::vector<crest::Problem<crest::f16>> problems_;
};

/// Bytes of the keys and values that a problem, or each position of a batch, sees, once per KV head.
double dense_bytes(const crest::Problem<crest::f16>& problem);
double dense_bytes(const Batch& batch);

}  // namespace demo
