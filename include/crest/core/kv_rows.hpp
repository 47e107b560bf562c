// Rows of one KV head, and the keys a query sees.
#pragma once

#include "crest/core/problem.hpp"

namespace crest {
inline namespace CREST_ABI {

/// Where the K and V rows of one KV head lie.
template <class T>
struct KvRows {
  const T* k = nullptr;
  const T* v = nullptr;
  Index k_stride = 0, v_stride = 0;  ///< elements from one key to the next
  Index head_dim = 0, value_dim = 0;

  CREST_INLINE const T* key(Index j) const { return k + j * k_stride; }
  CREST_INLINE const T* value(Index j) const { return v + j * v_stride; }
  CREST_INLINE Index k_bytes() const { return head_dim * static_cast<Index>(sizeof(T)); }
  CREST_INLINE Index v_bytes() const { return value_dim * static_cast<Index>(sizeof(T)); }
};

template <class T>
CREST_INLINE KvRows<T> kv_rows(const Problem<T>& p, Index kv_head) {
  return {p.k.data_handle() + kv_head * p.k.stride(0),
          p.v.data_handle() + kv_head * p.v.stride(0),
          p.k.stride(1),
          p.v.stride(1),
          p.head_dim(),
          p.value_dim()};
}

/// The sorted, disjoint ranges one query sees: from Problem::ranges when given, else from the mask.
class Visible {
 public:
  template <class T>
  Visible(const Problem<T>& p, Index query) {
    if (p.range_of.empty()) {
      mask_ = visible_keys(p.mask, query, p.queries(), p.keys());
    } else {
      const Index from = p.range_of[query];
      given_ = p.ranges.subspan(from, p.range_of[query + 1] - from);
    }
  }

  CREST_INLINE std::span<const KeyRange> ranges() const { return given_.data() ? given_ : mask_.span(); }

  /// Visible keys inside `clip`.
  Index count(KeyRange clip) const {
    Index n = 0;
    for (KeyRange r : ranges()) n += length(intersect(r, clip));
    return n;
  }

  /// The part of the first range that reaches past `from`, clipped to start there; empty when nothing is left.
  KeyRange next(Index from) const {
    for (KeyRange r : ranges())
      if (r.last > from && length(r) > 0) return {r.first < from ? from : r.first, r.last};
    return {};
  }

 private:
  std::span<const KeyRange> given_{};
  MaskRanges mask_{};
};

/// Number of keys inside `clip` seen by any of the queries [queries.first, queries.last).
template <class T>
Index union_count(const Problem<T>& p, KeyRange queries, KeyRange clip) {
  Index total = 0;
  for (Index at = clip.first; at < clip.last;) {
    KeyRange piece{clip.last, clip.last};
    for (Index i = queries.first; i < queries.last; ++i) {
      const KeyRange r = intersect(Visible(p, i).next(at), clip);
      if (length(r) == 0) continue;
      if (r.first < piece.first) piece = r;
      if (r.first <= piece.first && r.last > piece.last) piece.last = r.last;
    }
    total += length(piece);
    at = piece.last;
  }
  return total;
}

}  // namespace CREST_ABI
}  // namespace crest
