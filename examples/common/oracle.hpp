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

/// Answers of one layer, [heads][positions], from the keys and values as they are or as somebody stored them.
class Oracle {
 public:
  Oracle(const Trace& trace, const Layer& layer) : Oracle(trace, layer, cache_of(layer)) {}
  Oracle(const Trace& trace, const Layer& layer, Cache cache);

  const OracleRow& row(crest::Index head, crest::Index query) const { return rows_[head * trace_->queries() + query]; }
  /// The answer from a few keys, at least one.
  OracleRow solve(crest::Index head, crest::Index query, std::span<const crest::Index> keys) const;
  /// scale * <q, k> in double, nats.
  double score(crest::Index head, crest::Index query, crest::Index key) const;
  /// Share of the softmax mass of `key`, 0..1.
  double weight(crest::Index head, crest::Index query, crest::Index key) const;

  /// Relative error of one output row: |o - oracle| / |oracle|. NaN when o holds one.
  template <class T>
  double error(crest::Index head, crest::Index query, const T* o) const {
    double off = 0, norm = 0;
    const std::vector<double>& exact = row(head, query).o;
    for (std::size_t x = 0; x < exact.size(); ++x) {
      off += (o[x] - exact[x]) * (o[x] - exact[x]);
      norm += exact[x] * exact[x];
    }
    return norm > 0 ? std::sqrt(off / norm) : std::sqrt(off);
  }

 private:
  const Trace* trace_;
  const Layer* layer_;
  Cache cache_;
  std::vector<OracleRow> rows_;
};

}  // namespace demo
