// What else could be done with the same bytes: other rules which keys to read, and caches of fewer bits. Plain code,
// for their errors only; nothing is claimed about their speed. Bytes are counted in their favour: no cache lines.
//
// Sources: blocks and their bounds as in Quest (Tang et al. 2024), sinks and a recent window as in StreamingLLM (Xiao
// et al. 2023), q4_0 and q8_0 as in ggml.
#pragma once

#include <vector>

#include "../common/oracle.hpp"

namespace demo {

/// Keys that the query heads of a group read at a position, and the bytes of all that is read for it.
struct Kept {
  std::vector<crest::Index> keys;
  double bytes = 0;
};

/// The first four keys and the most recent ones.
Kept sinks_and_recent(const Trace& trace, crest::Index query, double bytes);

/// Blocks of 16 keys with the smallest and the largest element in each dimension, as f16: two more rows per block.
class BlockBounds {
 public:
  BlockBounds(const Trace& trace, const Layer& layer);

  /// The block of the newest key, then, while bytes last, every head's next best in turn: by the largest score a key
  /// within the bounds could have.
  Kept best(crest::Index query, crest::Index kv_head, double bytes) const;

 private:
  static constexpr crest::Index block = 16;

  double bound(crest::Index head, crest::Index query, crest::Index b) const;
  std::vector<crest::Index> ranked(crest::Index head, crest::Index query, crest::Index blocks) const;

  const Trace* trace_;
  const Layer* layer_;
  crest::Index blocks_;                  // per KV head; an unfinished one has no bounds
  std::vector<float> lowest_, highest_;  // [kv_heads][blocks][head_dim]
};

/// Numbers of `bits` bits in blocks of 32 with one f16 scale.
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
