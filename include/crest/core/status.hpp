// What can be wrong with a call, one value per field and rule.
#pragma once

#include "crest/core/config.hpp"

namespace crest {
inline namespace v0 {

enum class Status {
  ok,
  q_null,
  k_null,
  v_null,
  o_null,
  q_extent_negative,
  k_extent_negative,
  v_extent_negative,
  q_stride,
  k_stride,
  v_stride,
  o_stride,
  lse_stride,
  error_stride,
  head_dim_zero,
  value_dim_zero,
  kv_heads_zero,
  heads_not_multiple_of_kv_heads,
  k_head_dim,
  v_kv_heads,
  v_keys,
  too_many_keys,
  o_heads,
  o_queries,
  o_value_dim,
  lse_heads,
  lse_queries,
  error_heads,
  error_queries,
  scale_not_finite,
  mask_window_negative,
  mask_sinks_negative,
  range_of_size,
  range_of_order,
  range_of_bounds,
  ranges_bounds,
  ranges_order,
  sketch_null,
  sketch_keys,
  sketch_kv_heads,
  sketch_head_dim,
  sketch_value_dim,
  sketch_rows,
  sketch_bits,
  sketch_basis,
  sketch_range,
  sketch_saved,
  recipe_option,
  backend,
  out_of_memory,
};

struct StatusText {
  Status status;
  const char* text;
};

inline constexpr StatusText status_texts[] = {
    {Status::ok, "ok"},
    {Status::q_null, "q: has elements but no data; pass a pointer to [heads, queries, head_dim] floats"},
    {Status::k_null, "k: has elements but no data; pass a pointer to [kv_heads, keys, head_dim]"},
    {Status::v_null, "v: has elements but no data; pass a pointer to [kv_heads, keys, value_dim]"},
    {Status::o_null, "o: has elements but no data; pass a pointer to [heads, queries, value_dim] floats"},
    {Status::q_extent_negative, "q: an extent is negative"},
    {Status::k_extent_negative, "k: an extent is negative"},
    {Status::v_extent_negative, "v: an extent is negative"},
    {Status::q_stride, "q: the last axis must be contiguous (stride 1)"},
    {Status::k_stride, "k: the last axis must be contiguous (stride 1)"},
    {Status::v_stride, "v: the last axis must be contiguous (stride 1); transpose v to [keys, value_dim]"},
    {Status::o_stride, "o: the last axis must be contiguous (stride 1)"},
    {Status::lse_stride, "lse: the last axis must be contiguous (stride 1)"},
    {Status::error_stride, "error: the last axis must be contiguous (stride 1)"},
    {Status::head_dim_zero, "q: head_dim (extent 2) must be at least 1"},
    {Status::value_dim_zero, "v: value_dim (extent 2) must be at least 1"},
    {Status::kv_heads_zero, "k: kv_heads (extent 0) must be at least 1 when q has heads"},
    {Status::heads_not_multiple_of_kv_heads, "q: heads (extent 0) must be a multiple of k's kv_heads"},
    {Status::k_head_dim, "k: head_dim (extent 2) must equal q's"},
    {Status::v_kv_heads, "v: kv_heads (extent 0) must equal k's"},
    {Status::v_keys, "v: keys (extent 1) must equal k's"},
    {Status::too_many_keys, "k: keys (extent 1) must be below 2^31; split the cache and merge the states"},
    {Status::o_heads, "o: heads (extent 0) must equal q's"},
    {Status::o_queries, "o: queries (extent 1) must equal q's"},
    {Status::o_value_dim, "o: value_dim (extent 2) must equal v's"},
    {Status::lse_heads, "lse: heads (extent 0) must equal q's"},
    {Status::lse_queries, "lse: queries (extent 1) must equal q's"},
    {Status::error_heads, "error: heads (extent 0) must equal q's"},
    {Status::error_queries, "error: queries (extent 1) must equal q's"},
    {Status::scale_not_finite, "scale: must be finite; 0 means 1/sqrt(head_dim)"},
    {Status::mask_window_negative, "mask.window: must be 0 (off) or positive"},
    {Status::mask_sinks_negative, "mask.sinks: must be 0 or positive"},
    {Status::range_of_size, "range_of: needs queries + 1 entries"},
    {Status::range_of_order, "range_of: entries must not decrease"},
    {Status::range_of_bounds, "range_of: entries must lie in 0..ranges.size()"},
    {Status::ranges_bounds, "ranges: must lie inside the keys, first <= last"},
    {Status::ranges_order, "ranges: must be sorted and disjoint for each query"},
    {Status::sketch_null, "sketch: the recipe `guided` needs one; append the keys to a KeySketch and point to it"},
    {Status::sketch_keys, "sketch: holds another number of keys than k; append() what is new, truncate() what is gone"},
    {Status::sketch_kv_heads, "sketch: kv_heads must be at least 1 and equal k's"},
    {Status::sketch_head_dim, "sketch: head_dim must be at least 1 and equal k's"},
    {Status::sketch_value_dim, "sketch: value_dim of its 8-bit rows must equal v's"},
    {Status::sketch_rows, "sketch: values must be given with every key or with none"},
    {Status::sketch_bits, "sketch: bits must be 1, 2 or 4"},
    {Status::sketch_basis, "sketch: the calibrated basis was fitted for other kv_heads or another head_dim"},
    {Status::sketch_range, "sketch: the keys named lie outside 0..size()"},
    {Status::sketch_saved, "sketch: the bytes are too few, of another version, or saved with other options"},
    {Status::recipe_option, "recipe: an option is out of its range (steps and counts must be positive)"},
    {Status::backend, "backend: unknown, or not supported by this CPU; see Backend::all() and CREST_BACKEND"},
    {Status::out_of_memory, "executor: scratch could not be had; see scratch_bytes()"},
};

/// Names the field and the rule it broke; Report::expected and Report::found hold the two numbers.
CREST_INLINE constexpr const char* to_string(Status status) noexcept {
  for (const StatusText& s : status_texts)
    if (s.status == status) return s.text;
  return "unknown status";
}

}  // namespace v0
}  // namespace crest
