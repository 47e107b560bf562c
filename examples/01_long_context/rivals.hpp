// What else could be done with the same bytes: other rules which keys to read, and caches of fewer bits. Plain code,
// for their errors only; nothing is claimed about their speed. Rows come in whole cache lines, as for crest's own
// counts.
//
// Sources: blocks and their bounds as in Quest (Tang et al. 2024), sinks and a recent window as in StreamingLLM (Xiao
// et al. 2023), q4_0 and q8_0 as in ggml.
#pragma once

#include <functional>
#include <vector>

#include "../common/oracle.hpp"

namespace demo {

/// Keys that the query heads of a group read at a position, and the bytes of all that is read for it.
struct Kept {
  std::vector<crest::Index> keys;
  double bytes = 0;
};

/// What a group reads at a position for at most so many bytes; at least one key.
using Rule = std::function<Kept(crest::Index query, crest::Index kv_head, double bytes)>;

/// The first four keys and the most recent ones.
Rule sinks_and_recent(const Trace& trace);

/// Blocks of 16 keys with the smallest and the largest element in each dimension, as f16: two more key rows per block.
/// The block of the newest key, then, while bytes last, every head's next best in turn: by the largest score that a key
/// within the bounds could have.
Rule best_blocks(const Trace& trace, const Layer& layer);

/// Every head's next best key in turn, by the oracle's scores, which cost nothing here: what no selection of keys can
/// know more about.
Rule true_top_keys(const Trace& trace, const Oracle& oracle);

/// Numbers of `bits` bits in blocks of 32, the last one padded, with one f16 scale each.
struct Quantiser {
  int bits;

  double bytes(crest::Index dim) const;
  /// The rows of `once`, [rows][dim], as they are read back.
  std::vector<double> stored(const std::vector<crest::f16>& once, crest::Index dim) const;
};

inline constexpr Quantiser q4_0{4}, q8_0{8};

/// Bytes of a key and its value.
inline double row_bytes(const Trace& t) { return static_cast<double>((t.head_dim + t.value_dim) * sizeof(crest::f16)); }
inline double row_bytes(const Trace& t, Quantiser q) { return q.bytes(t.head_dim) + q.bytes(t.value_dim); }

Cache stored(const Trace& trace, const Layer& layer, Quantiser quantiser);

}  // namespace demo
