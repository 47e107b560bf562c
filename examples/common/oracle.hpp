// The answer everything is compared with: a full-scan softmax in double, in plain code.
#pragma once

#include <vector>

#include "trace.hpp"

namespace demo {

/// One query head at one position.
struct OracleRow {
  std::vector<double> o;      ///< [value_dim]
  double lse = 0;             ///< natural log of the softmax denominator
  crest::Index heaviest = 0;  ///< the key with the highest score
};

/// Answers of one layer, [heads][positions].
class Oracle {
 public:
  Oracle(const Trace& trace, const Layer& layer);

  const OracleRow& row(crest::Index head, crest::Index query) const { return rows_[head * trace_->queries() + query]; }
  /// scale * <q, k> in double, nats.
  double score(crest::Index head, crest::Index query, crest::Index key) const;
  /// Share of the softmax mass of `key`, 0..1.
  double weight(crest::Index head, crest::Index query, crest::Index key) const;
  /// Relative error of one output row: |o - oracle| / |oracle|. NaN when o holds one.
  double error(crest::Index head, crest::Index query, const float* o) const;

 private:
  OracleRow solve(crest::Index head, crest::Index query) const;

  const Trace* trace_;
  const Layer* layer_;
  std::vector<double> k_, v_;  // the cache, converted once
  std::vector<OracleRow> rows_;
};

}  // namespace demo
