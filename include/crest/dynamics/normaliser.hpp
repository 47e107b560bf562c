// How the scores <A z_i, z_j> become weights: hardmax, localmax and softmax as recipes of attention(). docs/dynamics.md
// defines them.
#pragma once

#include "crest/attention.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace dynamics {

/// A recipe, and what it counts as one nat.
template <class R>
struct Normaliser {
  R recipe{};
  float scale = 1;  ///< nats per unit of score, above 0
};
template <class R>
Normaliser(R, float) -> Normaliser<R>;

/// Kernels count in log2 units. With this factor a score reaches them as it is, so that sums of products that a float
/// holds exactly tie exactly.
inline constexpr float plain_scale = 0.69314718055994530942f;
static_assert(plain_scale * 1.44269504088896340736f == 1.0f, "crest: ln 2 times log2(e) must round to 1");

/// C_i: the tokens of the highest score.
inline constexpr Normaliser<Hardmax> hardmax{crest::hardmax, plain_scale};

/// C_i: the tokens whose score lies within `sensitivity` of the highest.
constexpr Normaliser<Localmax> localmax(float sensitivity) {
  return {crest::localmax(sensitivity * plain_scale), plain_scale};
}

/// C_i: the tokens whose score lies within `share` times the size of the highest score of it.
constexpr auto localmax_relative(float share) {
  return Normaliser{Recipe{EveryKey{}, Stay{}, RelativeBand{share}, Everything{}}, plain_scale};
}

/// Weights in proportion to e^(score / temperature).
constexpr Normaliser<Exact> softmax(float temperature) { return {exact, 1 / temperature}; }

/// The same weights over the tokens that a sampler and a refiner find.
template <class R, Sampler S = Stride, Refiner W = Window>
constexpr auto sampled(const Normaliser<R>& normaliser, const S& sampler = {}, const W& refiner = {}) {
  return Normaliser{Recipe{sampler, refiner, normaliser.recipe.softmax, Everything{}}, normaliser.scale};
}

}  // namespace dynamics
}  // namespace CREST_ABI
}  // namespace crest
