// What can be wrong with a call, one value per field and rule.
#pragma once

#include "crest/core/config.hpp"

namespace crest {
inline namespace v0 {

enum class Status {
  ok,
  q_null, k_null, v_null, o_null,
  q_extent_negative, k_extent_negative, v_extent_negative,
  q_stride, k_stride, v_stride, o_stride, lse_stride, error_stride,
  head_dim_zero, value_dim_zero, kv_heads_zero, heads_not_multiple_of_kv_heads,
  k_head_dim, v_kv_heads, v_keys, too_many_keys,
  o_heads, o_queries, o_value_dim,
  lse_heads, lse_queries, error_heads, error_queries,
  scale_not_finite, mask_window_negative, mask_sinks_negative,
  range_of_size, range_of_order, range_of_bounds, ranges_bounds, ranges_order,
  recipe_option,
  backend, out_of_memory,
};

/// Names the field and the rule it broke; Report::expected and Report::found hold the two numbers.
constexpr const char* to_string(Status s) noexcept {
  switch (s) {
    case Status::ok: return "ok";
    case Status::q_null: return "q: has elements but no data; pass a pointer to [heads, queries, head_dim] floats";
    case Status::k_null: return "k: has elements but no data; pass a pointer to [kv_heads, keys, head_dim]";
    case Status::v_null: return "v: has elements but no data; pass a pointer to [kv_heads, keys, value_dim]";
    case Status::o_null: return "o: has elements but no data; pass a pointer to [heads, queries, value_dim] floats";
    case Status::q_extent_negative: return "q: an extent is negative";
    case Status::k_extent_negative: return "k: an extent is negative";
    case Status::v_extent_negative: return "v: an extent is negative";
    case Status::q_stride: return "q: the last axis must be contiguous (stride 1)";
    case Status::k_stride: return "k: the last axis must be contiguous (stride 1)";
    case Status::v_stride: return "v: the last axis must be contiguous (stride 1); transpose v to [keys, value_dim]";
    case Status::o_stride: return "o: the last axis must be contiguous (stride 1)";
    case Status::lse_stride: return "lse: the last axis must be contiguous (stride 1)";
    case Status::error_stride: return "error: the last axis must be contiguous (stride 1)";
    case Status::head_dim_zero: return "q: head_dim (extent 2) must be at least 1";
    case Status::value_dim_zero: return "v: value_dim (extent 2) must be at least 1";
    case Status::kv_heads_zero: return "k: kv_heads (extent 0) must be at least 1 when q has heads";
    case Status::heads_not_multiple_of_kv_heads: return "q: heads (extent 0) must be a multiple of k's kv_heads";
    case Status::k_head_dim: return "k: head_dim (extent 2) must equal q's";
    case Status::v_kv_heads: return "v: kv_heads (extent 0) must equal k's";
    case Status::v_keys: return "v: keys (extent 1) must equal k's";
    case Status::too_many_keys: return "k: keys (extent 1) must be below 2^31; split the cache and merge the states";
    case Status::o_heads: return "o: heads (extent 0) must equal q's";
    case Status::o_queries: return "o: queries (extent 1) must equal q's";
    case Status::o_value_dim: return "o: value_dim (extent 2) must equal v's";
    case Status::lse_heads: return "lse: heads (extent 0) must equal q's";
    case Status::lse_queries: return "lse: queries (extent 1) must equal q's";
    case Status::error_heads: return "error: heads (extent 0) must equal q's";
    case Status::error_queries: return "error: queries (extent 1) must equal q's";
    case Status::scale_not_finite: return "scale: must be finite; 0 means 1/sqrt(head_dim)";
    case Status::mask_window_negative: return "mask.window: must be 0 (off) or positive";
    case Status::mask_sinks_negative: return "mask.sinks: must be 0 or positive";
    case Status::range_of_size: return "range_of: needs queries + 1 entries";
    case Status::range_of_order: return "range_of: entries must not decrease";
    case Status::range_of_bounds: return "range_of: entries must lie in 0..ranges.size()";
    case Status::ranges_bounds: return "ranges: must lie inside the keys, first <= last";
    case Status::ranges_order: return "ranges: must be sorted and disjoint for each query";
    case Status::recipe_option: return "recipe: an option is out of its range (steps and counts must be positive)";
    case Status::backend: return "backend: unknown, or not supported by this CPU; see Backend::all() and CREST_BACKEND";
    case Status::out_of_memory: return "executor: scratch could not be had; see scratch_bytes()";
  }
  return "unknown status";
}

}  // namespace v0
}  // namespace crest
