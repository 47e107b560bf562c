// Recipes: the algorithm as a value. Types choose the code, members tune it.
#pragma once

#include <type_traits>

#include "crest/policy/refiner.hpp"
#include "crest/policy/sampler.hpp"
#include "crest/policy/selection.hpp"
#include "crest/policy/softmax.hpp"

namespace crest {
inline namespace CREST_ABI {

/// What every recipe that leaves keys out obeys.
struct RecipeOptions {
  Index keep_first = 4;    ///< the first visible keys are always used (attention sinks)
  Index keep_last = 64;    ///< the last visible keys are always used (recent window)
  float target_error = 0;  ///< > 0: a row whose estimated error is larger is done exactly
};

/// Sampler looks coarsely, Refiner looks closer, Softmax fixes the reference, Selection decides what is used.
template <Sampler S, Refiner R, Softmax M, Selection C>
struct Recipe {
  S sampler{};
  R refiner{};
  M softmax{};
  C selection{};
  RecipeOptions options{};

  /// A full scan that uses every key needs no list of scores: it streams.
  static constexpr bool streams = std::is_same_v<S, EveryKey> && std::is_same_v<C, Everything>;

  constexpr Recipe with(RecipeOptions changed) const {
    Recipe copy = *this;
    copy.options = changed;
    return copy;
  }
};
template <class S, class R, class M, class C>
Recipe(S, R, M, C) -> Recipe<S, R, M, C>;
template <class S, class R, class M, class C>
Recipe(S, R, M, C, RecipeOptions) -> Recipe<S, R, M, C>;

using Exact = Recipe<EveryKey, Stay, Lazy, Everything>;
using Clustered = Recipe<Stride, Window, Margin, Plateau>;

inline constexpr Exact exact{};          ///< all visible keys; the default
inline constexpr Clustered clustered{};  ///< stride samples, windows around the best, plateaus kept: approximate

namespace detail {

template <class P>
constexpr bool policy_valid(const P& p) {
  if constexpr (requires { p.valid(); })
    return p.valid();
  else
    return true;
}

template <class S, class R, class M, class C>
constexpr bool valid(const Recipe<S, R, M, C>& r) {
  return policy_valid(r.sampler) && policy_valid(r.refiner) && policy_valid(r.softmax) && policy_valid(r.selection) &&
         r.options.keep_first >= 0 && r.options.keep_last >= 0 && r.options.target_error >= 0;
}

}  // namespace detail
}  // namespace CREST_ABI
}  // namespace crest
