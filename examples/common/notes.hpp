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

/// A selection by score sees all that was scored.
template <class S>
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

/// So does a selection by key, which asks a set of our own first.
template <class S>
struct NotedKeys {
  S inner;
  Notes* notes;

  void select(const crest::Scored& seen, crest::Wanted& kept) const {
    std::vector<crest::KeySet::Word> words(crest::KeySet::words_for(std::ssize(notes->kept)));
    crest::KeySet asked(words);
    crest::Wanted own(asked, kept.visible());
    inner.select(seen, own);
    for (crest::Index key : seen.keys) {
      notes->scored[key] = true;
      if (!asked.contains(key)) continue;
      notes->kept[key] = true;
      kept.add(key);
    }
  }
};

/// A sampler that chooses groups of keys has no samples to note.
template <class S>
auto noted_sampler(const S& sampler, Notes& notes) {
  if constexpr (crest::GroupSampler<S>)
    return sampler;
  else
    return NotedSampler<S>{sampler, &notes};
}
template <class S>
auto noted_selection(const S& selection, Notes& notes) {
  if constexpr (crest::FloorSelection<S>)
    return NotedSelection<S>{selection, &notes};
  else
    return NotedKeys<S>{selection, &notes};
}

/// The recipe, taking notes. Only for calls of one GQA group and one query.
template <class R>
auto noted(const R& recipe, Notes& notes) {
  notes.keep_always(recipe.options);
  return crest::Recipe{noted_sampler(recipe.sampler, notes), recipe.refiner, recipe.softmax,
                       noted_selection(recipe.selection, notes), recipe.options};
}

}  // namespace demo
