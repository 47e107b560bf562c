// What a call did: the numbers a caller needs to trust, or not to trust, a result.
#pragma once

#include <cstdint>

#include "crest/core/status.hpp"
#include "crest/core/view.hpp"

namespace crest {
inline namespace v0 {

/// Returned by every call. Counts are sums over all rows (a row is one query head at one query) unless said otherwise.
struct [[nodiscard]] Report {
  Status status = Status::ok;
  Index problem = 0;              ///< index of the first bad Problem in a batch
  Index expected = 0, found = 0;  ///< the two numbers of a failed rule

  Index rows = 0;          ///< query heads x queries
  Index keys_visible = 0;  ///< keys the masks leave
  Index keys_sampled = 0;  ///< keys scored by the sampler
  Index keys_scored = 0;   ///< keys whose exact score was computed, once a pass: localmax passes over all keys twice
  Index keys_used = 0;     ///< keys whose value entered the output; with equal weights those that weigh 1
  Index rescales = 0;      ///< times a row's softmax reference moved after it was first set

  std::uint64_t bytes_read = 0;   ///< K, V, sketch and index bytes that kernels load, each time a task does; scattered
                                  ///< rows count as whole 64-byte lines, and once where guided with a target error
                                  ///< weighs rows it has just drawn anew
  std::uint64_t bytes_dense = 0;  ///< each K and V row visible to any query, once per kv head

  float worst_error = 0;       ///< maximum of Problem::error over the rows; 0 for exact
  float step_max = 0;          ///< largest score change per key seen between neighbouring scored keys, nats (L)
  float missed_max_bound = 0;  ///< L * largest gap between scored keys, nats: bounds how much higher an unseen score
                               ///< may be, if L holds everywhere
  float missed_mass = 0;       ///< share of the softmax mass estimated to be left out, mean over the rows
  Index fallbacks = 0;         ///< rows done exactly because the cheap way could not vouch for itself

  CREST_INLINE constexpr bool ok() const { return status == Status::ok; }
};

}  // namespace v0
}  // namespace crest
