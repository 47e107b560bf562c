// integer: exact attention but for the query, which is rounded to integers where the keys are integers already.
#pragma once

#include "crest/policy/recipe.hpp"
#include "crest/policy/softmax.hpp"

namespace crest {
inline namespace CREST_ABI {

/// target_error: groups with a row whose predicted error is higher are done in floats; 0: only those whose query, or
/// one of the 16 keys looked at, is not finite.
struct IntegerOptions {
  float target_error = 0.003f;
};

/// All visible keys, as exact; on caches of q8_0, q4_0, i8 and i4x32 scores are sums of integer products, 16 bits by
/// 16, with each query row rounded to at most 32767 steps of its largest element. Values are weighed in floats. Calls
/// whose queries times GQA group are 48 or more (24 for groups below 4): prompts, MLA; and caches of floats are exact
/// and count as fallbacks. Takes what exact takes. Problem::error: predicted |o - exact| / |exact| of each row, 0 where
/// it is exact, from what the rounding does to the scores of 16 keys, which are read besides; an estimate, not a bound.
/// A target error below 0: Status::recipe_target_error. Sources: rounding queries for integer products: ggml's vec_dot
/// of q8_0; the instruction: Intel SDM volume 2, VPDPWSSD.
struct Integer {
  IntegerOptions options{};
  Lazy softmax{};

  static constexpr Path path = Path::integer;

  /// integer with other options: those not named take their defaults.
  constexpr Integer with(IntegerOptions changed) const { return {changed, softmax}; }
  /// The option that is out of its range, or ok.
  constexpr Status check() const { return detail::check_options(options); }
};

inline constexpr Integer integer{};

}  // namespace CREST_ABI
}  // namespace crest
