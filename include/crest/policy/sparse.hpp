// sparse: prompts whose every query tile is computed against the keys that matter to it.
#pragma once

#include "crest/policy/recipe.hpp"

namespace crest {
inline namespace CREST_ABI {

/// budget: keys that rows are computed with, as a share of the visible ones. target_error > 0 instead: the smallest
/// budget whose predicted error is below it; rows whose error is predicted higher in the end are done exactly. seed: of
/// the sampling offsets. keep_first, keep_last: keys always used, before those that a query tile attends to itself.
struct SparseOptions {
  float budget = 0.15f;
  float target_error = 0;
  std::uint64_t seed = 0;
  Index keep_first = 4, keep_last = 64;
};

/// Mass-stride sampling for prompts (docs/algorithm.md). For a tile of queries of one head the mean query scores every
/// key; keys are drawn with probability p in proportion to (softmax weight)^0.8 and count 1 / p for all queries of the
/// tile. No index is kept. Two of the queries score every key as well and tell what was missed. Calls with few queries
/// (fewer than 32), short caches (below 1024 keys) and tiles with a non-finite score are exact.
/// Needs nothing beside the Problem, and takes what exact takes. Problem::error: predicted |o - exact| / |exact| of
/// each row, 0 where it is exact; an estimate, not a bound. Options out of their range: Status::recipe_budget,
/// recipe_keep, recipe_target_error. Sources: Horvitz and Thompson 1952; Madow 1949. Choosing from pooled queries:
/// MInference (arXiv 2407.02490).
struct Sparse {
  SparseOptions options{};
  Lazy softmax{};

  static constexpr Path path = Path::sparse;

  /// sparse with other options: those not named take their defaults.
  constexpr Sparse with(SparseOptions changed) const { return {changed, softmax}; }
  /// The option that is out of its range, or ok.
  constexpr Status check() const { return detail::check_options(options); }
};

inline constexpr Sparse sparse{};

}  // namespace CREST_ABI
}  // namespace crest
