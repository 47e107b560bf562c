// What a KeyIndex holds, and where in it things lie.
#pragma once

#include "crest/core/aligned_bytes.hpp"
#include "crest/core/index_view.hpp"
#include "crest/core/status.hpp"

namespace crest {
inline namespace v0 {

/// grouping: see Grouping. group_keys: keys of a block, or of a cluster on the average, 1..2^20. rounds, seed: of
/// k-means.
struct IndexOptions {
  Grouping grouping = Grouping::bounds;
  Index group_keys = 16;
  Index rounds = 4;
  std::uint64_t seed = 1;
};

/// The members of KeyIndex. The lists are empty unless keys are clustered.
struct IndexState {
  Index kv_heads = 0, head_dim = 0;
  IndexOptions options;
  Index keys = 0, groups = 0;
  Index capacity_keys = 0, capacity_groups = 0;  ///< per KV head
  AlignedBytes summaries;                        ///< [kv_heads][capacity_groups][row] floats
  AlignedBytes sizes, newest;                    ///< [kv_heads][capacity_groups] x int32
  AlignedBytes older;                            ///< [kv_heads][capacity_keys] x int32

  CREST_INLINE bool clustered() const { return options.grouping == Grouping::clusters; }
  CREST_INLINE Index row() const { return options.grouping == Grouping::bounds ? 2 * head_dim : head_dim; }
  CREST_INLINE float* summary(Index head, Index group) {
    return reinterpret_cast<float*>(summaries.data()) + (head * capacity_groups + group) * row();
  }
  CREST_INLINE std::int32_t& size(Index head, Index group) { return of_group(sizes, head, group); }
  CREST_INLINE std::int32_t& last(Index head, Index group) { return of_group(newest, head, group); }
  CREST_INLINE std::int32_t& before(Index head, Index key) {
    return reinterpret_cast<std::int32_t*>(older.data())[head * capacity_keys + key];
  }

  /// The groups of one KV head, as kernels see them.
  CREST_INLINE IndexView view(Index head) const {
    const auto ints = [](const AlignedBytes& m) { return reinterpret_cast<const std::int32_t*>(m.data()); };
    IndexView v{options.grouping, keys, groups, options.group_keys, row()};
    v.summaries = reinterpret_cast<const float*>(summaries.data()) + head * capacity_groups * row();
    if (!clustered()) return v;
    v.sizes = ints(sizes) + head * capacity_groups;
    v.newest = ints(newest) + head * capacity_groups;
    v.older = ints(older) + head * capacity_keys;
    return v;
  }

 private:
  CREST_INLINE std::int32_t& of_group(AlignedBytes& memory, Index head, Index group) {
    return reinterpret_cast<std::int32_t*>(memory.data())[head * capacity_groups + group];
  }
};

}  // namespace v0
}  // namespace crest
