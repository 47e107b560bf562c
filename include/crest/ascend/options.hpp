// What the Ascend backend can be asked for.
#pragma once

#include "crest/policy/recipe.hpp"

namespace crest {
namespace ascend {
inline namespace CREST_ABI {

/// How `clustered` uses the two vector units of an AI core.
enum class Mapping {
  one_core,   ///< sampler and refiner inside one vector core, overlapped by its pipes; every core owns whole items
  two_cores,  ///< one vector unit samples item t + 1 while the other refines item t; 910B only
};

struct AscendOptions {
  Mapping mapping = Mapping::one_core;
};

/// Guided decode on the vector unit: every key is scored from an int8 sketch of one scale per KV head, rows within
/// `drop` nats of a head's highest estimate are read exactly. A recipe of this backend alone.
struct Sketched {
  float drop = 8;
  float margin = 2, headroom = 40;  ///< of the reference, as in Margin
  RecipeOptions options{};

  static constexpr Path path = Path::look;
  constexpr Status check() const {
    return Recipe{Stride{}, Stay{}, Margin{margin, headroom}, Plateau{drop}, options}.check();
  }
};

/// Recipes that use every visible key; which sampler and softmax policy they name makes no difference here.
template <class R>
inline constexpr bool reads_all = false;
template <class F, class M>
inline constexpr bool reads_all<Recipe<EveryKey, F, M, Everything>> = true;

template <class R>
inline constexpr bool supported_recipe = reads_all<R> || std::is_same_v<R, Clustered> || std::is_same_v<R, Sketched>;

}  // namespace CREST_ABI
}  // namespace ascend
}  // namespace crest
