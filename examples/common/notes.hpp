// Policies that do what another policy does, and write down what it did. A Report counts keys; these name them.
#pragma once

#include <algorithm>
#include <vector>

#include "crest/crest.hpp"

namespace demo {

/// What a recipe did for one GQA group at one query, one flag per visible key.
struct Notes {
  std::vector<bool> sampled;  ///< scored for the sampler
  std::vector<bool> scored;
  std::vector<bool> kept;  ///< entered the output

  explicit Notes(crest::Index keys) : sampled(keys), scored(keys), kept(keys) {}

  /// The keys a recipe keeps whatever their score.
  void keep_always(const crest::RecipeOptions& options) {
    const auto keys = static_cast<crest::Index>(kept.size());
    std::fill_n(kept.begin(), std::min(keys, options.keep_first), true);
    std::fill_n(kept.rbegin(), std::min(keys, options.keep_last), true);
  }
};

/// The last time a sampler is asked, all its samples have been scored, and nothing else.
template <crest::Sampler S>
struct NotedSampler {
  S inner;
  Notes* notes;

  void sample(crest::Index round, const crest::Scored& seen, crest::Wanted& wanted) const {
    for (crest::Index key : seen.keys) notes->sampled[key] = true;
    inner.sample(round, seen, wanted);
  }
};

/// A selection sees all that was scored.
template <crest::Selection S>
struct NotedSelection {
  S inner;
  Notes* notes;

  float floor(const crest::Scored& seen, crest::Index head) const {
    const float lowest = inner.floor(seen, head);
    for (crest::Index key : seen.keys) {
      notes->scored[key] = true;
      if (seen.score(key, head) >= lowest) notes->kept[key] = true;
    }
    return lowest;
  }
};

/// The recipe, taking notes. Only for calls of one GQA group and one query.
template <class R>
auto noted(const R& recipe, Notes& notes) {
  notes.keep_always(recipe.options);
  return crest::Recipe{NotedSampler<decltype(recipe.sampler)>{recipe.sampler, &notes}, recipe.refiner, recipe.softmax,
                       NotedSelection<decltype(recipe.selection)>{recipe.selection, &notes}, recipe.options};
}

}  // namespace demo
