// Recipes: the algorithm as a value. Types choose the code, members tune it.
#pragma once

#include <type_traits>

#include "crest/core/status.hpp"
#include "crest/policy/groups.hpp"
#include "crest/policy/refiner.hpp"
#include "crest/policy/selection.hpp"
#include "crest/policy/softmax.hpp"

namespace crest {
inline namespace CREST_ABI {

/// Which kernel runs a recipe.
enum class Path {
  stream,   ///< every visible key, in order
  look,     ///< policies look at some keys and select
  guide,    ///< a KeySketch estimates all keys, some are read
  sparse,   ///< tiles of queries attend to keys drawn for them
  mixed,    ///< every visible key, with products of bf16
  integer,  ///< every visible key, with scores of integer products
};

/// A recipe whose calls may be streamed.
template <class R>
inline constexpr bool streams = (R::path != Path::look) && (R::path != Path::guide);

/// What every recipe that leaves keys out obeys.
struct RecipeOptions {
  Index keep_first = 4;    ///< the first visible keys are always used (attention sinks)
  Index keep_last = 64;    ///< the last visible keys are always used (recent window)
  float target_error = 0;  ///< > 0: a row whose estimated error is larger is done exactly
};

namespace detail {

template <class P>
constexpr bool policy_valid(const P& p) {
  if constexpr (requires { p.valid(); })
    return p.valid();
  else
    return true;
}

/// The first of the options that is out of its range, or ok: those of any recipe whose error is told.
template <class Options>
constexpr Status check_options(const Options& o) {
  if constexpr (requires { o.budget; })
    if (!(o.budget > 0 && o.budget <= 1)) return Status::recipe_budget;
  if constexpr (requires { o.keep_first; })
    if (o.keep_first < 0 || o.keep_last < 0) return Status::recipe_keep;
  return o.target_error >= 0 ? Status::ok : Status::recipe_target_error;
}

}  // namespace detail

/// Sampler looks coarsely, Refiner looks closer, Softmax fixes the reference, Selection decides what is used.
template <Sampler S, Refiner R, Softmax M, Selection C>
struct Recipe {
  S sampler{};
  R refiner{};
  M softmax{};
  C selection{};
  RecipeOptions options{};

  /// A full scan that uses every key needs no list of scores: it streams.
  static constexpr Path path = std::is_same_v<S, EveryKey> && std::is_same_v<C, Everything> ? Path::stream : Path::look;

  static constexpr bool groups = GroupSampler<S>;  ///< the sampler needs Problem::index
  static constexpr bool draws = DrawSelection<C>;  ///< the selection draws keys at random
  static constexpr bool uniform = Uniform<M>, needs_peak = NeedsPeak<M> || draws;

  /// The same recipe with other options: those not named take their defaults.
  constexpr Recipe with(RecipeOptions changed) const {
    Recipe copy = *this;
    copy.options = changed;
    return copy;
  }
  /// The part that has an option out of its range, or ok.
  constexpr Status check() const {
    if (!detail::policy_valid(sampler)) return Status::recipe_sampler;
    if (!detail::policy_valid(refiner)) return Status::recipe_refiner;
    if (!detail::policy_valid(softmax)) return Status::recipe_softmax;
    if (!detail::policy_valid(selection)) return Status::recipe_selection;
    return detail::check_options(options);
  }
};
template <class S, class R, class M, class C>
Recipe(S, R, M, C) -> Recipe<S, R, M, C>;
template <class S, class R, class M, class C>
Recipe(S, R, M, C, RecipeOptions) -> Recipe<S, R, M, C>;

/// A recipe that needs Problem::index.
template <class R>
concept NeedsIndex = requires {
  requires R::groups;
};

using Exact = Recipe<EveryKey, Stay, Lazy, Everything>;
using Clustered = Recipe<Stride, Window, Margin, Plateau>;
using Hardmax = Recipe<EveryKey, Stay, Peak, Everything>;
using Localmax = Recipe<EveryKey, Stay, Band, Everything>;

inline constexpr Exact exact{};          ///< all visible keys; the default
inline constexpr Clustered clustered{};  ///< stride samples, windows around the best, plateaus kept: approximate
inline constexpr Hardmax hardmax{};  ///< the mean of the values whose score is the highest; lse: the log of how many

/// The mean of the values whose score lies within `drop` nats of the highest; lse: the logarithm of how many.
constexpr Localmax localmax(float drop) { return {.softmax = {drop}}; }

}  // namespace CREST_ABI
}  // namespace crest
