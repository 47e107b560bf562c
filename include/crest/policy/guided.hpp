// guided: every key at a few bits, exact rows where the mass is, and an error that is told.
#pragma once

#include "crest/policy/recipe.hpp"

namespace crest {
inline namespace CREST_ABI {

/// How guided decides which rows to read.
enum class Draw {
  mass,     ///< in proportion to estimated weight, reweighted: unbiased, and knows its own error
  top,      ///< the keys with the largest estimates, unweighted (for comparison; its error is not known)
  uniform,  ///< every key with the same probability, reweighted (for comparison; its prediction fails)
  probe,    ///< as mass, but by what `clustered` knows: every 16th key scored exactly (for comparison; likewise)
};

/// budget: bytes to read, as a share of K and V of the visible keys. target_error > 0 instead: the smallest budget
/// whose predicted error is below it, exact where that does not pay. seed: of the sampling offsets. keep_first,
/// keep_last: keys always read exactly.
struct GuidedOptions {
  float budget = 0.15f;
  float target_error = 0;
  std::uint64_t seed = 0;
  Index keep_first = 4, keep_last = 64;
  Draw draw = Draw::mass;
};

/// Mass-stride sampling with a KeySketch (docs/algorithm.md). Needs Problem::sketch.
/// Sources: Horvitz and Thompson 1952; Madow 1949 (systematic sampling with unequal probabilities).
struct Guided {
  GuidedOptions options{};

  static constexpr Path path = Path::guide;

  /// guided with other options: those not named take their defaults.
  constexpr Guided with(GuidedOptions changed) const { return {changed}; }
  /// The option that is out of its range, or ok.
  constexpr Status check() const { return detail::check_options(options); }
};

inline constexpr Guided guided{};

}  // namespace CREST_ABI
}  // namespace crest
