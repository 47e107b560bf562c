// Rows of one KV head, and the keys a query sees.
#pragma once

#include "crest/core/key_set.hpp"
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
  Index count(KeyRange clip) const { return count_keys(ranges(), clip); }

  /// Keys of some ranges inside `clip`.
  static Index count_keys(std::span<const KeyRange> ranges, KeyRange clip) {
    Index n = 0;
    for (KeyRange r : reaching_into(ranges, clip)) n += length(intersect(r, clip));
    return n;
  }

 private:
  std::span<const KeyRange> given_{};
  MaskRanges mask_{};
};

inline constexpr Index counted_at_once = 4096;

/// Number of keys inside `clip`, at most counted_at_once of them, that lie in the ranges of any of some queries.
template <class T>
Index count_in_any_range(const Problem<T>& p, KeyRange queries, KeyRange clip) {
  KeySet::Word words[KeySet::words_for(counted_at_once)] = {};
  KeySet seen(words);
  for (Index i = queries.first; i < queries.last; ++i)
    for (KeyRange r : reaching_into(Visible(p, i).ranges(), clip)) {
      const KeyRange part = intersect(r, clip);
      seen.insert({part.first - clip.first, part.last - clip.first});
    }
  return seen.count();
}

/// Number of keys inside `clip` seen by any of the queries [queries.first, queries.last).
template <class T>
Index union_count(const Problem<T>& p, KeyRange queries, KeyRange clip) {
  if (length(queries) == 1) return Visible(p, queries.first).count(clip);
  if (p.range_of.empty())
    return Visible::count_keys(visible_to_any(p.mask, queries, p.queries(), p.keys()).span(), clip);
  Index total = 0;
  for (Index at = clip.first; at < clip.last; at += counted_at_once)
    total += count_in_any_range(p, queries, {at, std::min(at + counted_at_once, clip.last)});
  return total;
}

}  // namespace CREST_ABI
}  // namespace crest
