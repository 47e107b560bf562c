// KeyIndex: keys in groups, with a summary of each group, beside the caller's own cache. Samplers that choose groups
// (BlockMean, TopBlocks, TopClusters) judge by the summaries which keys to score. One index per sequence and layer; it
// grows with the cache.
//
//   KeyIndex index(kv_heads, head_dim, {.grouping = Grouping::bounds});
//   index.append(k)             after new keys [kv_heads, m, head_dim] were written to the cache
//   problem.index = &index;
//
// Which group a key joins:
//   means, bounds   Key j is in block j / group_keys. Appending key by key or all at once gives the same bits.
//   clusters        There is one cluster for every group_keys keys, rounded up. Keys appended in one call that opens
//                   new clusters are grouped into these by spherical k-means (so append a prompt at once); where none
//                   opens, a key joins the cluster whose mean is nearest in angle. Means are over all members.
//
// truncate() removes keys, but what they left in a summary stays: bounds still hold, means are those of the keys as
// they were. A summary decides only which keys are scored, so none of this, nor a cache row rewritten behind the index,
// makes a score wrong.
#pragma once

#include "crest/sketch/index_edit.hpp"

namespace crest {
inline namespace v0 {

/// Copyable (a copy is a fork of the sequence), nothrow movable. Const use from many threads is safe. Editing functions
/// return a Status and leave the index as it was unless that is ok; none throws. Copying allocates and may throw
/// std::bad_alloc.
class KeyIndex {
 public:
  KeyIndex() = default;
  KeyIndex(const KeyIndex&) = default;
  KeyIndex& operator=(const KeyIndex&) = default;
  /// What was moved from is as if default constructed.
  CREST_INLINE KeyIndex(KeyIndex&& other) noexcept : s_(std::exchange(other.s_, IndexState())) {}
  CREST_INLINE KeyIndex& operator=(KeyIndex&& other) noexcept {
    s_ = std::exchange(other.s_, IndexState());
    return *this;
  }
  /// Every mistake here (kv_heads or head_dim below 1, options out of range) is reported by the first append().
  CREST_INLINE KeyIndex(Index kv_heads, Index head_dim, IndexOptions options = {}) {
    s_.kv_heads = kv_heads, s_.head_dim = head_dim, s_.options = options;
  }

  /// Appends keys [kv_heads, m, head_dim] of type float, f16 or bf16. Clusters: about 2 m^2 / group_keys * head_dim *
  /// rounds operations per KV head, and m (head_dim + 1) floats of memory while it lasts.
  template <class K>
  [[nodiscard]] CREST_INLINE Status append(const K& k) {
    return detail::append(s_, detail::const_view(k));
  }
  /// Keeps the first `keys` keys.
  [[nodiscard]] CREST_INLINE Status truncate(Index keys) { return detail::truncate(s_, keys); }
  /// Drops all keys; memory is kept.
  CREST_INLINE void clear() { s_.keys = s_.groups = 0; }
  /// Makes room for `keys` keys in all.
  [[nodiscard]] CREST_INLINE Status reserve(Index keys) { return detail::reserve(s_, keys); }

  CREST_INLINE Index size() const { return s_.keys; }
  CREST_INLINE Index groups() const { return s_.groups; }
  CREST_INLINE Index kv_heads() const { return s_.kv_heads; }
  CREST_INLINE Index head_dim() const { return s_.head_dim; }
  CREST_INLINE Grouping grouping() const { return s_.options.grouping; }
  /// Bytes of memory in use.
  CREST_INLINE std::size_t bytes() const { return detail::memory_bytes(s_); }

  /// For kernels and tests: the groups of one KV head.
  CREST_INLINE IndexView view(Index kv_head) const { return s_.view(kv_head); }

 private:
  IndexState s_;
};

}  // namespace v0
}  // namespace crest
