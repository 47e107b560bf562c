// Editing an index: append, truncate, memory.
#pragma once

#include "crest/sketch/edit.hpp"
#include "crest/sketch/index_state.hpp"
#include "crest/sketch/kmeans.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

/// The first rule that makes an index unusable.
inline Status check_state(const IndexState& s) {
  constexpr Index most_group_keys = Index{1} << 20, most_rounds = 1000;
  const IndexOptions& o = s.options;
  if (s.kv_heads < 1) return Status::index_kv_heads;
  if (s.head_dim < 1) return Status::index_head_dim;
  const bool valid = o.group_keys >= 1 && o.group_keys <= most_group_keys && o.rounds >= 0 && o.rounds <= most_rounds;
  return valid ? Status::ok : Status::index_options;
}

template <class T>
Status check_keys(const IndexState& s, const TensorView<const T, 3>& k) {
  if (const Status bad = check_state(s); bad != Status::ok) return bad;
  if (k.extent(0) != s.kv_heads) return Status::index_kv_heads;
  if (k.extent(2) != s.head_dim || k.extent(1) < 0) return Status::index_head_dim;
  if (k.extent(1) > 0 && k.data_handle() == nullptr) return Status::k_null;
  if (k.extent(2) > 1 && k.stride(2) != 1) return Status::k_stride;
  return k.extent(1) >= most_keys - s.keys ? Status::too_many_keys : Status::ok;
}

/// Groups for `keys` keys.
inline Index groups_for(const IndexState& s, Index keys) {
  return (keys + s.options.group_keys - 1) / s.options.group_keys;
}

/// Room for `keys` keys and `groups` groups per head. All new memory is had before any old memory is given up.
inline Status grow(IndexState& s, Index keys, Index groups) {
  if (keys <= s.capacity_keys && groups <= s.capacity_groups) return Status::ok;
  const auto larger = [](Index wanted, Index now) { return wanted <= now ? now : std::max(wanted, now + now / 2); };
  const Index for_keys = larger(keys, s.capacity_keys), for_groups = larger(groups, s.capacity_groups);
  const auto bytes = [](Index n, std::size_t each) { return static_cast<std::size_t>(n) * each; };
  const std::size_t lists = s.clustered() ? sizeof(std::int32_t) : 0;
  AlignedBytes summaries = enlarged(s.summaries, s.kv_heads, bytes(for_groups * s.row(), sizeof(float)));
  AlignedBytes sizes = enlarged(s.sizes, s.kv_heads, bytes(for_groups, lists));
  AlignedBytes newest = enlarged(s.newest, s.kv_heads, bytes(for_groups, lists));
  AlignedBytes older = enlarged(s.older, s.kv_heads, bytes(for_keys, lists));
  if (!summaries || !sizes || !newest || !older) return Status::out_of_memory;
  s.summaries = std::move(summaries), s.sizes = std::move(sizes);
  s.newest = std::move(newest), s.older = std::move(older);
  s.capacity_keys = for_keys, s.capacity_groups = for_groups;
  return Status::ok;
}

inline Status reserve(IndexState& s, Index keys) {
  if (const Status bad = check_state(s); bad != Status::ok) return bad;
  return keys < 0 || keys >= most_keys ? Status::index_range : grow(s, keys, groups_for(s, keys));
}

/// One row as floats, whatever they are.
template <class T>
void read_row(const T* row, Index n, float* to) {
  for (Index x = 0; x < n; ++x) to[x] = element_at(row, x);
}

/// mean <- mean of `size` rows, of which k is the last. NaN stays.
inline void move_mean(float* mean, const float* k, Index dim, Index size) {
  const float part = 1 / static_cast<float>(size);
  for (Index x = 0; x < dim; ++x) mean[x] = size == 1 ? k[x] : mean[x] + (k[x] - mean[x]) * part;
}

/// bounds <- largest and smallest elements of a block whose last row is k. NaN stays.
inline void widen_bounds(float* bounds, const float* k, Index dim, bool first) {
  float *most = bounds, *least = bounds + dim;
  for (Index x = 0; x < dim; ++x) {
    if (first || k[x] != k[x] || k[x] > most[x]) most[x] = k[x];
    if (first || k[x] != k[x] || k[x] < least[x]) least[x] = k[x];
  }
}

/// Puts key j into its block.
inline void join_block(IndexState& s, Index head, Index j, const float* k) {
  const Index place = j % s.options.group_keys;
  float* summary = s.summary(head, j / s.options.group_keys);
  if (s.options.grouping == Grouping::means)
    move_mean(summary, k, s.head_dim, place + 1);
  else
    widen_bounds(summary, k, s.head_dim, place == 0);
}

/// Puts key j, the newest, into a cluster, whose mean moves.
inline void join_cluster(IndexState& s, Index head, Index group, Index j, const float* k) {
  s.before(head, j) = s.last(head, group);
  s.last(head, group) = static_cast<std::int32_t>(j);
  move_mean(s.summary(head, group), k, s.head_dim, ++s.size(head, group));
}

/// The cluster whose mean is nearest to k in angle.
inline Index nearest_cluster(IndexState& s, Index head, const float* k) {
  Index nearest = 0;
  float best = -std::numeric_limits<float>::infinity();
  for (Index g = 0; g < s.groups; ++g) {
    const float* mean = s.summary(head, g);
    float dot = 0, square = 0;
    for (Index x = 0; x < s.head_dim; ++x) dot += k[x] * mean[x], square += mean[x] * mean[x];
    const float cosine = square > 0 ? dot / std::sqrt(square) : 0;  // times |k|
    if (cosine > best) best = cosine, nearest = g;
  }
  return nearest;
}

/// Spherical k-means puts new keys into `opened` new clusters.
template <class T>
void cluster_keys(IndexState& s, Index head, const TensorView<const T, 3>& k, Index opened, float* scratch) {
  SphericalKMeans means({k.extent(1), s.head_dim, opened}, scratch);
  for (Index i = 0; i < k.extent(1); ++i) read_row(k.address(head, i, 0), s.head_dim, means.row(i));
  means.run(s.options.rounds, s.options.seed);
  for (Index g = s.groups; g < s.groups + opened; ++g) {
    s.size(head, g) = 0, s.last(head, g) = -1;
    std::fill_n(s.summary(head, g), s.head_dim, 0.0f);
  }
  for (Index i = 0; i < k.extent(1); ++i) {
    float* row = means.row(i);
    read_row(k.address(head, i, 0), s.head_dim, row);
    join_cluster(s, head, s.groups + means.cluster(i), s.keys + i, row);
  }
}

template <class T>
Status append(IndexState& s, const TensorView<const T, 3>& k) {
  if (const Status bad = check_keys(s, k); bad != Status::ok) return bad;
  const Index m = k.extent(1), groups = std::max(s.groups, groups_for(s, s.keys + m)), opened = groups - s.groups;
  const bool together = s.clustered() && opened > 0;
  const Index floats = together ? SphericalKMeans::floats({m, s.head_dim, opened}) : s.head_dim;
  if (m == 0) return Status::ok;
  AlignedBytes scratch = AlignedBytes::make(static_cast<std::size_t>(floats) * sizeof(float));
  if (!scratch) return Status::out_of_memory;
  if (const Status bad = grow(s, s.keys + m, groups); bad != Status::ok) return bad;
  auto* row = reinterpret_cast<float*>(scratch.data());
  for (Index head = 0; head < s.kv_heads; ++head) {
    if (together) cluster_keys(s, head, k, opened, row);
    for (Index i = 0; i < m && !together; ++i) {
      read_row(k.address(head, i, 0), s.head_dim, row);
      if (s.clustered())
        join_cluster(s, head, nearest_cluster(s, head, row), s.keys + i, row);
      else
        join_block(s, head, s.keys + i, row);
    }
  }
  s.keys += m, s.groups = groups;
  return Status::ok;
}

inline Status truncate(IndexState& s, Index keys) {
  if (keys < 0 || keys > s.keys) return Status::index_range;
  s.keys = keys;
  if (!s.clustered() || keys == 0) s.groups = groups_for(s, keys);
  for (Index head = 0; head < s.kv_heads && s.clustered(); ++head)
    for (Index g = 0; g < s.groups; ++g)
      for (; s.last(head, g) >= keys; --s.size(head, g)) s.last(head, g) = s.before(head, s.last(head, g));
  return Status::ok;
}

inline std::size_t memory_bytes(const IndexState& s) {
  return s.summaries.size() + s.sizes.size() + s.newest.size() + s.older.size() + sizeof s;
}

}  // namespace detail
}  // namespace CREST_ABI
}  // namespace crest
