// The answer everything is compared with: a softmax in double, in plain code.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "trace.hpp"

namespace demo {

/// One query head at one position.
struct OracleRow {
  std::vector<double> o;      ///< [value_dim]
  double lse = 0;             ///< natural log of the softmax denominator
  crest::Index heaviest = 0;  ///< the key with the highest score
};

/// Keys [kv_heads, keys, head_dim] and values [kv_heads, keys, value_dim] of a layer.
struct Cache {
  std::vector<double> k, v;
};

Cache cache_of(const Layer& layer);

/// Relative error of one output row: |o - exact| / |exact|. NaN when o holds one.
template <class T>
double row_error(const std::vector<double>& exact, const T* o) {
  double off = 0, norm = 0;
  for (std::size_t x = 0; x < exact.size(); ++x) {
    off += (o[x] - exact[x]) * (o[x] - exact[x]);
    norm += exact[x] * exact[x];
  }
  return norm > 0 ? std::sqrt(off / norm) : std::sqrt(off);
}

/// Attention of one layer from any keys, from the keys and values as they are or as somebody stored them.
class PlainLayer {
 public:
  PlainLayer(const Trace& trace, const Layer& layer, Cache cache)
      : trace_(&trace), layer_(&layer), cache_(std::move(cache)) {}

  const Trace& trace() const { return *trace_; }
  /// scale * <q, k> in double, nats.
  double score(crest::Index head, crest::Index query, crest::Index key) const;
  /// The scores of `keys`.
  std::vector<double> scores(crest::Index head, crest::Index query, std::span<const crest::Index> keys) const;
  /// The answer from `keys`, at least one, whose scores are known.
  OracleRow weigh(crest::Index head, std::span<const crest::Index> keys, std::span<const double> scores) const;
  /// The answer from a few keys, at least one.
  OracleRow solve(crest::Index head, crest::Index query, std::span<const crest::Index> keys) const {
    return weigh(head, keys, scores(head, query, keys));
  }

 private:
  const Trace* trace_;
  const Layer* layer_;
  Cache cache_;
};

/// Answers of one layer from all visible keys, [heads][positions].
class Oracle : public PlainLayer {
 public:
  Oracle(const Trace& trace, const Layer& layer) : Oracle(trace, layer, cache_of(layer)) {}
  Oracle(const Trace& trace, const Layer& layer, Cache cache);

  const OracleRow& row(crest::Index head, crest::Index query) const { return rows_[head * trace().queries() + query]; }
  /// Share of the softmax mass of `key`, 0..1.
  double weight(crest::Index head, crest::Index query, crest::Index key) const;

  template <class T>
  double error(crest::Index head, crest::Index query, const T* o) const {
    return row_error(row(head, query).o, o);
  }

 private:
  std::vector<OracleRow> rows_;
};

}  // namespace demo
