// IndexView: how kernels see a KeyIndex. Plain pointers and numbers; sketch/key_index.hpp owns the memory.
#pragma once

#include <cstdint>

#include "crest/core/view.hpp"

namespace crest {
inline namespace v0 {

/// How a KeyIndex groups keys, and what it remembers of a group.
enum class Grouping {
  means,     ///< blocks of neighbouring keys; their mean
  bounds,    ///< blocks of neighbouring keys; the largest, then the smallest of each element
  clusters,  ///< keys of similar direction, wherever they are; their mean
};

/// The groups of one KV head. Every key is in exactly one of them.
struct IndexView {
  Grouping grouping = Grouping::means;
  Index keys = 0, groups = 0;
  Index group_keys = 1;  ///< keys of a block
  Index row = 0;         ///< floats of a summary: head_dim, twice that for bounds

  const float* summaries = nullptr;      ///< [groups][row]
  const std::int32_t* sizes = nullptr;   ///< [groups], of clusters
  const std::int32_t* newest = nullptr;  ///< [groups], the last key of a cluster, or -1
  const std::int32_t* older = nullptr;   ///< [keys], the one before it in its cluster, or -1

  /// The keys of a block.
  CREST_INLINE constexpr KeyRange block(Index group) const {
    return intersect({group * group_keys, (group + 1) * group_keys}, {0, keys});
  }
  /// Keys in a group.
  CREST_INLINE constexpr Index size(Index group) const {
    return grouping == Grouping::clusters ? sizes[group] : length(block(group));
  }
  /// Calls f(range) for runs of keys that make up a group, in any order.
  template <class F>
  CREST_INLINE constexpr void each_run(Index group, F&& f) const {
    if (grouping != Grouping::clusters) return f(block(group));
    for (Index key = newest[group]; key >= 0; key = older[key]) f(KeyRange{key, key + 1});
  }
};

}  // namespace v0
}  // namespace crest
