// Paged caches: a sequence's keys lie in pages of a pool, in any order; pages may be shared between sequences.
#pragma once

#include <cstdint>
#include <span>

#include "crest/core/view.hpp"

namespace crest {
inline namespace v0 {

/// Where the pages of one sequence lie. k, v and the scales are then views of page 0 of the pool, [kv_heads, keys per
/// page, ...]: key j of the sequence is key j % page of page pages[j / page]. attention() checks the table
/// (Status::pages_size, pages_range). After vLLM's PagedAttention (arXiv 2309.06180).
struct PageTable {
  std::span<const std::int32_t> pages{};
  Index keys = 0;                                ///< of the sequence
  Index pool = 0;                                ///< pages there are; entries lie in 0 .. pool - 1
  Index k_stride = 0, v_stride = 0;              ///< from page to page, in elements of k and v
  Index k_scale_stride = 0, v_scale_stride = 0;  ///< the same for the scales of keys, where there are any

  CREST_INLINE constexpr bool given() const { return !pages.empty() || keys != 0; }
};

}  // namespace v0
}  // namespace crest
