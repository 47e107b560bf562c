// Rows of one KV head, and the keys a query sees.
#pragma once

#include <limits>

#include "crest/core/key_set.hpp"
#include "crest/core/problem.hpp"

namespace crest {
inline namespace CREST_ABI {

/// One thing per key, `stride` apart: a row of K, a scale.
template <class T>
struct PerKey {
  const T* data = nullptr;
  Index stride = 0;       ///< from one key to the next
  Index page_stride = 0;  ///< from one page to the next
};

/// Which page holds a key. Without a table all keys lie in page 0.
struct Pages {
  const std::int32_t* table = nullptr;
  std::uint32_t size = 0;  ///< keys per page

  template <class T>
  CREST_INLINE const T* find(const PerKey<T>& s, Index j) const {
    if (table == nullptr) return s.data + j * s.stride;
    const std::uint32_t key = static_cast<std::uint32_t>(j), page = key / size;
    return s.data + table[page] * s.page_stride + static_cast<Index>(key - page * size) * s.stride;
  }
  /// The keys from `j` on that lie `stride` apart.
  CREST_INLINE KeyRange run(Index j) const {
    if (table == nullptr) return {j, std::numeric_limits<Index>::max()};
    return {j, (j / size + 1) * size};
  }
};

/// Where the K and V rows of one KV head lie.
template <class T>
struct KvRows {
  PerKey<T> k, v;
  Index head_dim = 0, value_dim = 0;
  Pages pages{};
  PerKey<float> k_scale{}, v_scale{};  ///< of elements that need one

  CREST_INLINE const T* key(Index j) const { return pages.find(k, j); }
  CREST_INLINE const T* value(Index j) const { return pages.find(v, j); }
  CREST_INLINE Index k_bytes() const { return bytes_of<T>(head_dim); }
  CREST_INLINE Index v_bytes() const { return bytes_of<T>(value_dim); }
  /// What a key's elements, or a value's, are multiplied by.
  CREST_INLINE float key_scale(Index j) const {
    if constexpr (is_scaled<T>) return *pages.find(k_scale, j);
    return 1;
  }
  CREST_INLINE float value_scale(Index j) const {
    if constexpr (is_scaled<T>) return *pages.find(v_scale, j);
    return 1;
  }
  /// The values in the place of the keys.
  CREST_INLINE KvRows values() const { return {v, v, value_dim, value_dim, pages, v_scale, v_scale}; }
};

template <class T>
CREST_INLINE KvRows<T> kv_rows(const Problem<T>& p, Index kv_head) {
  const auto head = [&](const auto& view, Index page_stride) {
    return PerKey<std::remove_cvref_t<decltype(*view.data_handle())>>{view.data_handle() + kv_head * view.stride(0),
                                                                      view.stride(1), page_stride};
  };
  const PageTable& t = p.pages;
  KvRows<T> rows{head(p.k, t.k_stride), head(p.v, t.v_stride), p.head_dim(), p.value_dim()};
  if (t.given()) rows.pages = {t.pages.data(), static_cast<std::uint32_t>(p.k.extent(1))};
  if constexpr (is_scaled<T>) rows.k_scale = head(p.k_scales, t.k_scale_stride);
  if constexpr (is_scaled<T>) rows.v_scale = head(p.v_scales, t.v_scale_stride);
  return rows;
}

/// The sorted, disjoint ranges one query sees: from Problem::ranges when given, else from the mask.
class Visible {
 public:
  template <class T>
  Visible(const Problem<T>& p, Index query)
      : mask_(p.range_of.empty() ? visible_keys(p.mask, query, p.queries(), p.keys()) : MaskRanges{}) {
    if (p.range_of.empty()) return;
    const Index from = p.range_of[query];
    given_ = p.ranges.subspan(from, p.range_of[query + 1] - from);
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
  MaskRanges mask_;
};

/// The first keys inside `clip` that any of some queries sees: those of one range. Empty when none sees any.
template <class T>
KeyRange first_seen(const Problem<T>& p, KeyRange queries, KeyRange clip) {
  KeyRange best{clip.last, clip.last};
  for (Index i = queries.first; i < queries.last; ++i) {
    const Visible visible(p, i);
    for (KeyRange range : reaching_into(visible.ranges(), clip)) {
      const KeyRange r = intersect(range, clip);
      if (length(r) <= 0) continue;
      if (r.first < best.first || (r.first == best.first && r.last > best.last)) best = r;
      break;
    }
  }
  return best;
}

/// Calls f(ranges) with the keys inside `clip` that any of some queries sees, sorted and disjoint, some at a time;
/// ranges of a mask may reach beyond `clip`.
template <class T, class F>
void for_each_seen(const Problem<T>& p, KeyRange queries, KeyRange clip, F&& f) {
  if (p.range_of.empty()) return f(visible_to_any(p.mask, queries, p.queries(), p.keys()).span());
  constexpr std::size_t most = 64;
  KeyRange runs[most];
  while (length(clip) > 0) {
    std::size_t n = 0;
    for (; n < most; clip.first = runs[n - 1].last) {
      const KeyRange next = first_seen(p, queries, clip);
      if (length(next) == 0) {
        clip.first = clip.last;
        break;
      }
      if (n > 0 && next.first == runs[n - 1].last)
        runs[n - 1].last = next.last;
      else
        runs[n++] = next;
    }
    if (n > 0) f(std::span<const KeyRange>(runs, n));
  }
}

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
