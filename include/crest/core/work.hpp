// How a call is cut into tasks: by (problem, KV head, query tile, key range), never by the number of threads, so that a
// result does not depend on it.
#pragma once

#include <algorithm>

#include "crest/core/index_view.hpp"
#include "crest/core/key_set.hpp"
#include "crest/core/kv_rows.hpp"
#include "crest/core/report.hpp"
#include "crest/core/sketch_view.hpp"

namespace crest {
inline namespace CREST_ABI {

CREST_INLINE constexpr Index round_up(Index n, Index to) { return (n + to - 1) / to * to; }
CREST_INLINE constexpr Index divide_up(Index n, Index by) { return (n + by - 1) / by; }

/// Sizes of a GQA group's rows at one query as kernels keep them: padded so that any vector width fits.
struct GroupShape {
  Index heads = 0, head_dim = 0, value_dim = 0;
  static constexpr Index pad = 16;                ///< floats; every vector width divides it
  static constexpr Index state_floats = 4 * pad;  ///< TileState: reference, limit and two sums of one head tile

  CREST_INLINE constexpr Index tile_heads() const { return heads > 2 ? 4 : heads; }
  CREST_INLINE constexpr Index tiles() const { return heads > 2 ? divide_up(heads, 4) : 1; }
  CREST_INLINE constexpr Index padded_heads() const { return tiles() * tile_heads(); }
  CREST_INLINE constexpr Index q_pitch() const { return round_up(head_dim, pad); }
  CREST_INLINE constexpr Index o_pitch() const { return round_up(value_dim, pad); }
  CREST_INLINE constexpr Index outputs() const { return padded_heads() * o_pitch(); }
  CREST_INLINE constexpr Index floats() const {
    return padded_heads() * q_pitch() + 2 * outputs() + tiles() * state_floats;
  }
  /// A task's unfinished result for one query: outputs, then reference and sum of each head.
  CREST_INLINE constexpr Index partial_floats() const { return round_up(outputs() + 2 * heads, pad); }
};

template <class T>
CREST_INLINE constexpr GroupShape group_shape(const Problem<T>& p) {
  return {p.gqa_group(), p.head_dim(), p.value_dim()};
}

/// A GQA group as streaming tasks work on it: in bands of at most `most_heads` heads, as alike as possible. The queries
/// and outputs of more than 8 heads (128 share one KV head in MLA) would not stay in the first-level cache beside a
/// block of keys.
struct Bands {
  static constexpr Index most = 8;
  GroupShape group;
  Index most_heads = most;

  CREST_INLINE constexpr Index count() const { return divide_up(group.heads, most_heads); }
  CREST_INLINE constexpr GroupShape largest() const {
    return {divide_up(group.heads, count()), group.head_dim, group.value_dim};
  }
};

/// Bytes of one key's row of K, with its scale; of its row of V; of both.
template <class T>
CREST_INLINE std::uint64_t key_bytes(const Problem<T>& p) {
  return static_cast<std::uint64_t>(bytes_of<T>(p.head_dim())) + (is_scaled<T> ? sizeof(float) : 0);
}
template <class T>
CREST_INLINE std::uint64_t value_bytes(const Problem<T>& p) {
  return static_cast<std::uint64_t>(bytes_of<T>(p.value_dim())) + (is_scaled<T> ? sizeof(float) : 0);
}
template <class T>
CREST_INLINE std::uint64_t row_bytes(const Problem<T>& p) {
  return key_bytes(p) + value_bytes(p);
}
/// Bytes of a row read on its own: whole 64-byte lines.
template <class T>
CREST_INLINE std::uint64_t scattered_bytes(Index elements) {
  return static_cast<std::uint64_t>(round_up(bytes_of<T>(elements), 64));
}
/// The same of a row of the cache, with the line of its scale.
template <class T>
CREST_INLINE std::uint64_t scattered_key_bytes(const Problem<T>& p) {
  return scattered_bytes<T>(p.head_dim()) + (is_scaled<T> ? 64 : 0);
}
template <class T>
CREST_INLINE std::uint64_t scattered_value_bytes(const Problem<T>& p) {
  return scattered_bytes<T>(p.value_dim()) + (is_scaled<T> ? 64 : 0);
}

/// Floats of a looking task's workspace: the group, a share and a total per head.
CREST_INLINE constexpr Index look_floats(const GroupShape& s) {
  return s.floats() + 2 * round_up(s.padded_heads(), GroupShape::pad);
}

/// Floats that scores of an index's groups take: a query for their summaries, the scores, the visible keys of each.
CREST_INLINE constexpr Index group_floats(const GroupShape& s, const IndexView& index) {
  return GroupShape{s.heads, index.row, 0}.floats() + round_up(index.groups * s.padded_heads(), GroupShape::pad) +
         round_up(index.groups, GroupShape::pad);
}

/// Bytes of a looking task's scores and key sets, and of a number per key where keys are drawn, for the query that sees
/// most.
template <class T>
std::size_t sight_bytes(const Problem<T>& p, bool draws) {
  const Index pitch = group_shape(p).padded_heads();
  Index places = 0;
  for (Index i = 0; i < p.queries(); ++i) places = std::max(places, Places(Visible(p, i).ranges()).count);
  return static_cast<std::size_t>(round_up(places * pitch, GroupShape::pad) + round_up(pitch, GroupShape::pad) +
                                  (draws ? round_up(places, GroupShape::pad) : 0)) *
             sizeof(float) +
         static_cast<std::size_t>(3 * KeySet::words_for(p.keys())) * sizeof(KeySet::Word);
}

/// One unit of work: some queries of one KV head over some keys.
struct Task {
  Index kv_head = 0, split = 0;
  KeyRange queries, keys;
};

/// A band of heads at one query: what a streaming task scans for.
struct Unit {
  Index query = 0, first_head = 0;
  GroupShape shape{};
  Index at = 0;  ///< number within the task
};

/// Rows that share a packed tile of keys, and from how many packing pays: a group of four uses every element it loads
/// four times without.
inline constexpr Index prefill_rows = 192;
CREST_INLINE constexpr Index prefill_from(Index group) { return group < 4 ? 24 : 48; }

/// What multiplies matrices of bf16 for the recipe `mixed`.
enum class TileUnit : std::uint8_t {
  none,   ///< nothing: it is exact
  model,  ///< software that computes what tile registers would
  amx,
};

/// How one problem is cut.
struct Plan {
  Index query_tile = 1, query_tiles = 0;
  Bands bands{};
  Index splits = 1, split_keys = 0;
  bool prefill = false;            ///< many rows: units of one head that share packed tiles of keys
  bool sparse = false;             ///< and tiles of the keys that were drawn for them
  TileUnit unit = TileUnit::none;  ///< and products of bf16
  Index kv_heads = 0, queries = 0, keys = 0;
  Index first_task = 0, first_merge = 0;  ///< in the numbering of the whole batch
  Index first_partial = 0;                ///< floats into the partial results
  std::uint32_t turn = 0;                 ///< which rows of a sketch this call verifies

  CREST_INLINE constexpr Index tasks() const { return kv_heads * query_tiles * splits; }
  /// Tasks of the second round, which merges the splits.
  Index merges() const { return splits > 1 ? kv_heads * query_tiles : 0; }
  CREST_INLINE constexpr Index units() const { return query_tile * bands.count(); }
  Index partial_floats() const { return splits > 1 ? tasks() * units() * bands.largest().partial_floats() : 0; }

  Task task(Index t) const {
    const Index split = t % splits, tile = t / splits % query_tiles, head = t / splits / query_tiles;
    const Index first = tile * query_tile, key = split * split_keys;
    return {head,
            split,
            {first, first + query_tile < queries ? first + query_tile : queries},
            {key, key + split_keys < keys ? key + split_keys : keys}};
  }

  /// Offset of the partial result of `split` for the unit `at` of a tile.
  Index partial(Index kv_head, Index tile, Index split, Index at) const {
    const Index task = (kv_head * query_tiles + tile) * splits + split;
    return first_partial + (task * units() + at) * bands.largest().partial_floats();
  }

  /// Calls f(unit) for every unit of some queries of a KV head.
  template <class F>
  CREST_INLINE void each_unit(Index kv_head, KeyRange some, F&& f) const {
    const Index count = bands.count(), heads = bands.group.heads;
    Index at = 0;
    for (Index query = some.first; query < some.last; ++query) {
      Index first = 0;
      for (Index b = 0; b < count; ++b, ++at) {
        const Index next = (b + 1) * heads / count;
        f(Unit{query, kv_head * heads + first, {next - first, bands.group.head_dim, bands.group.value_dim}, at});
        first = next;
      }
    }
  }
};

/// Cuts the keys of a streaming plan where that leaves too few tasks: into about 64 of at least 2048 keys. A task costs
/// about as much as 60 keys to begin and to merge.
inline void split_keys(Plan& plan) {
  constexpr Index enough_tasks = 64, min_split = 2048;
  const Index wanted = divide_up(enough_tasks, plan.kv_heads * plan.query_tiles);
  if (plan.keys <= min_split || wanted <= 1) return;
  plan.split_keys = std::max(min_split, round_up(divide_up(plan.keys, wanted), 16));
  plan.splits = divide_up(plan.keys, plan.split_keys);
}

/// Streaming recipes: about 32 rows share each K/V load, or, where there are many rows and the recipe can, `many` rows
/// share packed tiles of keys.
template <class T>
Plan plan_streaming(const Problem<T>& p, bool may_split, bool may_prefill, Index many = prefill_rows) {
  constexpr Index few_queries = 16;
  Plan plan{.kv_heads = p.kv_heads(), .queries = p.queries(), .keys = p.keys()};
  if (p.heads() == 0 || p.queries() == 0) return Plan{};
  const Index group = p.gqa_group();
  plan.prefill = may_prefill && group * p.queries() >= prefill_from(group);
  plan.query_tile = std::clamp<Index>((plan.prefill ? many : 32) / group, 1, p.queries());
  plan.query_tiles = divide_up(p.queries(), plan.query_tile);
  plan.bands = {group_shape(p), plan.prefill ? 1 : Bands::most};
  plan.split_keys = p.keys();
  if (may_split && (plan.prefill || p.queries() <= few_queries)) split_keys(plan);
  return plan;
}

/// Query tiles of the recipe `sparse`: a multiple of every register block's rows. From how many queries and keys on
/// choosing keys pays.
inline constexpr Index sparse_tile = 60, sparse_from = 32, sparse_keys = 1024;

/// The recipe `sparse`; what it leaves to exact is a streaming plan.
template <class T>
Plan plan_sparse(const Problem<T>& p) {
  Plan plan = plan_streaming(p, true, true);
  if (p.queries() < sparse_from || p.keys() < sparse_keys || plan.tasks() == 0) return plan;
  plan.query_tile = std::min(sparse_tile, p.queries());
  plan.query_tiles = divide_up(p.queries(), plan.query_tile);
  plan.bands = {group_shape(p), 1};
  plan.splits = 1, plan.split_keys = p.keys();
  plan.prefill = plan.sparse = true;
  return plan;
}

/// Rows that share a tile packed for the recipe `mixed`: packing costs more beside its products. Fewer where that would
/// leave too few tasks.
template <class T>
Index mixed_rows(const Problem<T>& p) {
  constexpr Index enough_tasks = 32;
  return std::clamp<Index>(p.heads() * p.queries() / enough_tasks, prefill_rows, 768);
}

/// The recipe `mixed`. Its rows tell their error from all their keys, which stay together; what it leaves to exact is a
/// streaming plan.
template <class T>
Plan plan_mixed(const Problem<T>& p, TileUnit unit) {
  Plan plan = plan_streaming(p, false, unit != TileUnit::none, mixed_rows(p));
  if (!plan.prefill) return plan_streaming(p, true, true);
  plan.unit = unit;
  return plan;
}

/// Recipes that look before they read: one task per query and KV head.
template <class T>
Plan plan_looking(const Problem<T>& p) {
  if (p.heads() == 0 || p.queries() == 0) return Plan{};
  return {.query_tile = 1,
          .query_tiles = p.queries(),
          .split_keys = p.keys(),
          .kv_heads = p.kv_heads(),
          .queries = p.queries(),
          .keys = p.keys()};
}

/// What tasks have done so far. Integers and maxima only, so that sums do not depend on the order of tasks.
struct Tally {
  Index rows = 0, keys_visible = 0, keys_sampled = 0, keys_scored = 0, keys_used = 0, rescales = 0, fallbacks = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t missed_parts = 0;  ///< missed mass in units of 2^-32
  float worst_error = 0, step_max = 0, missed_max_bound = 0;

  /// Notes a row's estimate, 0..1 or infinite.
  void add_error(float error) {
    missed_parts += static_cast<std::uint64_t>((error < 1 ? error : 1.0f) * 4294967296.0);
    worst_error = std::max(worst_error, error);
  }

  Tally& operator+=(const Tally& t) {
    rows += t.rows;
    keys_visible += t.keys_visible;
    keys_sampled += t.keys_sampled;
    keys_scored += t.keys_scored;
    keys_used += t.keys_used;
    rescales += t.rescales;
    fallbacks += t.fallbacks;
    bytes_read += t.bytes_read;
    missed_parts += t.missed_parts;
    worst_error = std::max(worst_error, t.worst_error);
    step_max = std::max(step_max, t.step_max);
    missed_max_bound = std::max(missed_max_bound, t.missed_max_bound);
    return *this;
  }

  Report report() const {
    Report r{.rows = rows, .keys_visible = keys_visible, .keys_sampled = keys_sampled, .keys_scored = keys_scored};
    r.keys_used = keys_used;
    r.rescales = rescales;
    r.bytes_read = bytes_read;
    r.worst_error = worst_error;
    r.step_max = step_max;
    r.missed_max_bound = missed_max_bound;
    r.missed_mass = rows ? static_cast<float>(static_cast<double>(missed_parts) / 4294967296.0 / rows) : 0.0f;
    r.fallbacks = fallbacks;
    return r;
  }
};

/// One thread's Tally, on cache lines of its own.
struct alignas(64) ThreadTally : Tally {};

/// A task with what it works on and with.
template <class T>
struct TaskCall {
  const Problem<T>& p;
  const Plan& plan;
  const Task& task;
  std::byte* workspace;      ///< the thread's own
  float* partials;           ///< the call's, for streaming plans with splits
  const SketchView* sketch;  ///< of the task's KV head, for guided recipes
  const IndexView* index;    ///< of the task's KV head, for samplers that need it; else without groups
  Tally& tally;              ///< the thread's own

  /// The whole group at the first query: what recipes that look work on.
  CREST_INLINE Unit whole() const {
    const GroupShape group = group_shape(p);
    return {task.queries.first, task.kv_head * group.heads, group};
  }
  CREST_INLINE float* floats() const { return reinterpret_cast<float*>(workspace); }
  /// Behind the floats of one query: a share per head, a total per head, scores of groups, then what looking needs.
  CREST_INLINE float* totals() const {
    const GroupShape shape = group_shape(p);
    return floats() + shape.floats() + round_up(shape.padded_heads(), GroupShape::pad);
  }
  CREST_INLINE float* group_floats() const { return floats() + look_floats(group_shape(p)); }
  CREST_INLINE std::byte* sight() const {
    const Index groups = index->row > 0 ? crest::group_floats(group_shape(p), *index) : 0;
    return reinterpret_cast<std::byte*>(group_floats() + groups);
  }
};

}  // namespace CREST_ABI
}  // namespace crest
