// Checks a Problem against the contract, field by field, before anything is written.
#pragma once

#include <cmath>
#include <limits>

#include "crest/core/problem.hpp"
#include "crest/core/report.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

/// What can be wrong with an optional output of rows.
struct RowOutputStatus {
  Status heads, queries, null, stride;
};

/// Remembers the first broken rule.
struct Checker {
  Report report{};

  bool require(bool holds, Status status, Index expected, Index found) {
    if (holds || !report.ok()) return report.ok();
    report.status = status;
    report.expected = expected;
    report.found = found;
    return false;
  }

  void equal(Index expected, Index found, Status status) { require(expected == found, status, expected, found); }

  template <class T, std::size_t R>
  void view(const TensorView<T, R>& t, Status null, Status extent, Status stride) {
    bool empty = false;
    for (std::size_t r = 0; r < R; ++r) {
      require(t.extent(r) >= 0, extent, 0, t.extent(r));
      empty |= t.extent(r) == 0;
    }
    require(empty || t.data_handle() != nullptr, null, 1, 0);
    require(t.extent(R - 1) <= 1 || t.stride(R - 1) == 1, stride, 1, t.stride(R - 1));
  }

  /// Optional [heads, queries] output.
  template <class T>
  void row_output(const TensorView<float, 2>& t, const Problem<T>& p, const RowOutputStatus& status) {
    const bool absent = t.data_handle() == nullptr && t.extent(0) == 0 && t.extent(1) == 0;
    if (absent) return;
    equal(p.heads(), t.extent(0), status.heads);
    equal(p.queries(), t.extent(1), status.queries);
    view(t, status.null, status.queries, status.stride);
  }
};

template <class T>
void check_shapes(const Problem<T>& p, Checker& c) {
  c.view(p.q, Status::q_null, Status::q_extent_negative, Status::q_stride);
  c.view(p.k, Status::k_null, Status::k_extent_negative, Status::k_stride);
  c.view(p.v, Status::v_null, Status::v_extent_negative, Status::v_stride);
  c.equal(p.heads(), p.o.extent(0), Status::o_heads);
  c.equal(p.queries(), p.o.extent(1), Status::o_queries);
  c.equal(p.value_dim(), p.o.extent(2), Status::o_value_dim);
  c.view(p.o, Status::o_null, Status::o_value_dim, Status::o_stride);
  c.require(p.head_dim() > 0, Status::head_dim_zero, 1, p.head_dim());
  c.require(p.value_dim() > 0, Status::value_dim_zero, 1, p.value_dim());
  c.require(p.kv_heads() > 0 || p.heads() == 0, Status::kv_heads_zero, 1, p.kv_heads());
  if (p.kv_heads() > 0)
    c.equal(p.heads() / p.kv_heads() * p.kv_heads(), p.heads(), Status::heads_not_multiple_of_kv_heads);
  c.equal(p.head_dim(), p.k.extent(2) * elements_in<T>, Status::k_head_dim);
  c.equal(p.kv_heads(), p.v.extent(0), Status::v_kv_heads);
  c.equal(p.k.extent(1), p.v.extent(1), Status::v_keys);
  constexpr Index most = std::numeric_limits<std::int32_t>::max();
  c.require(p.keys() < most, Status::too_many_keys, most - 1, p.keys());
  c.row_output(p.lse, p, {Status::lse_heads, Status::lse_queries, Status::lse_null, Status::lse_stride});
  c.row_output(p.error, p, {Status::error_heads, Status::error_queries, Status::error_null, Status::error_stride});
}

/// Scales of keys: there where the elements need them, and not elsewhere.
template <class T>
void check_scales(const Problem<T>& p, const TensorView<const float, 2>& scales, Status status, Checker& c) {
  const Index heads = is_scaled<T> ? p.kv_heads() : 0, keys = is_scaled<T> ? p.k.extent(1) : 0;
  c.equal(heads, scales.extent(0), status);
  c.equal(keys, scales.extent(1), status);
  c.require(heads * keys == 0 || scales.data_handle() != nullptr, status, 1, 0);
}

template <class T>
void check_pages(const Problem<T>& p, Checker& c) {
  if (!p.pages.given()) return;
  const Index page = p.k.extent(1), given = static_cast<Index>(p.pages.pages.size());
  if (!c.require(page > 0 && p.keys() >= 0, Status::pages_size, 1, std::min(page, p.keys()))) return;
  const Index needed = p.keys() / page + (p.keys() % page != 0);
  if (!c.require(given >= needed, Status::pages_size, needed, given)) return;
  for (std::int32_t entry : p.pages.pages.first(static_cast<std::size_t>(needed)))
    c.require(entry >= 0 && entry < p.pages.pool, Status::pages_range, p.pages.pool - 1, entry);
}

/// Ranges of one query: inside the keys, sorted, disjoint.
inline void check_ranges(std::span<const KeyRange> ranges, Index keys, Checker& c) {
  Index end = 0;
  for (KeyRange r : ranges) {
    c.require(r.first >= 0 && r.first <= r.last, Status::ranges_bounds, r.last, r.first);
    c.require(r.last <= keys, Status::ranges_bounds, keys, r.last);
    c.require(r.first >= end, Status::ranges_order, end, r.first);
    end = r.last;
  }
}

template <class T>
void check_visibility(const Problem<T>& p, Checker& c) {
  c.require(p.mask.window >= 0, Status::mask_window_negative, 0, p.mask.window);
  c.require(p.mask.sinks >= 0, Status::mask_sinks_negative, 0, p.mask.sinks);
  const Index count = static_cast<Index>(p.ranges.size());
  if (p.range_of.empty() && p.ranges.empty()) return;
  if (!c.require(static_cast<Index>(p.range_of.size()) == p.queries() + 1, Status::range_of_size, p.queries() + 1,
                 static_cast<Index>(p.range_of.size())))
    return;
  for (Index i = 0; i <= p.queries(); ++i) {
    const Index at = p.range_of[i], before = i ? p.range_of[i - 1] : 0;
    if (!c.require(at >= 0 && at <= count, Status::range_of_bounds, count, at)) return;
    if (!c.require(at >= before, Status::range_of_order, before, at)) return;
    if (i > 0) check_ranges(p.ranges.subspan(before, at - before), p.keys(), c);
  }
}

template <class T>
void check_bias(const Problem<T>& p, Checker& c) {
  const RowView<const float>& bias = p.logits.bias;
  c.equal(p.heads(), bias.extent(0), Status::bias_heads);
  c.equal(p.queries(), bias.extent(1), Status::bias_queries);
  c.equal(p.keys(), bias.extent(2), Status::bias_keys);
  c.view(bias, Status::bias_null, Status::bias_keys, Status::bias_stride);
}

template <class T>
void check_logits(const Problem<T>& p, Checker& c) {
  const LogitOptions& o = p.logits;
  const auto absent_or = [&](const auto& list, Index size, Status status) {
    const Index found = static_cast<Index>(list.size());
    c.require(found == 0 || found == size, status, size, found);
  };
  c.require(o.softcap >= 0 && std::isfinite(o.softcap), Status::softcap_negative, 0, 0);
  absent_or(o.slopes, p.heads(), Status::slopes_size);
  absent_or(o.places, p.queries(), Status::places_size);
  absent_or(o.bias_factors, p.heads(), Status::bias_factors_size);
  absent_or(o.sinks, p.heads(), Status::sink_logits_size);
  if (o.bias.absent())
    c.require(o.bias_factors.empty(), Status::bias_factors_size, 0, p.heads());
  else
    check_bias(p, c);
}

}  // namespace detail

/// First rule that `p` breaks, with its two numbers; Status::ok when it breaks none.
template <class T>
Report check(const Problem<T>& p) {
  detail::Checker c;
  detail::check_shapes(p, c);
  detail::check_scales(p, p.k_scales, Status::k_scales, c);
  detail::check_scales(p, p.v_scales, Status::v_scales, c);
  if (c.report.ok()) detail::check_pages(p, c);
  if (c.report.ok()) detail::check_visibility(p, c);
  if (c.report.ok()) detail::check_logits(p, c);
  c.require(std::isfinite(p.scale), Status::scale_not_finite, 0, 0);
  return c.report;
}

}  // namespace CREST_ABI
}  // namespace crest
