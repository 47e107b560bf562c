// Methods to compare, and how one is tried on one decode step.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "../common/batch.hpp"
#include "../common/counted.hpp"
#include "../common/notes.hpp"
#include "../common/sketches.hpp"

namespace frontier {

using crest::Index;
using Problem = crest::Problem<crest::f16>;

/// What is kept beside the cache of the keys that a position sees.
struct Beside {
  crest::KeySketch codes, rows;             ///< without and with 8-bit rows
  crest::KeyIndex means, bounds, clusters;  ///< groups of keys and their summaries

  explicit Beside(const demo::Batch& batch);
  /// Lets all follow the cache to the keys of `p`.
  void follow(const Problem& p);
  const crest::KeyIndex& index(crest::Grouping grouping) const {
    return grouping == crest::Grouping::means ? means : grouping == crest::Grouping::bounds ? bounds : clusters;
  }
};

/// All query heads of a layer at one position.
struct Step {
  const demo::Batch& batch;
  Index query;
  const Beside& beside;

  const demo::Trace& trace() const { return batch.trace(); }
  Index visible() const { return trace().positions[query] + 1; }
};

/// What a method did in a step; its answers are in the batch.
struct Tried {
  demo::Counted counts{};
  double missed_estimate = 0;        ///< share of the mass it says it left out, sum over rows
  std::vector<demo::Notes> notes{};  ///< one per KV head, of methods that use keys as they are
  bool told = false;                 ///< whether it predicted the errors of its rows

  void add(const crest::Report& report) {
    demo::require_ok(report);
    counts.add(report);
    missed_estimate += report.missed_mass * static_cast<double>(report.rows);
  }
};

struct Contender {
  demo::Label label;
  std::function<Tried(const Step&)> run;
  /// The same for problems that need no sketch, with nothing in the way: to be timed.
  std::function<crest::Report(demo::Problems)> call{};
  double budget = 0;  ///< that a file of budgets could name
};

namespace detail {

/// Attends with `recipe` for one GQA group, and writes down the keys it used.
template <class R>
void try_group(const R& recipe, const Step& step, Index kv_head, Tried& tried) {
  demo::Notes notes(step.visible());
  if constexpr (R::path == crest::Path::stream) {
    notes.kept.flip();
    notes.scored.flip();
    tried.add(crest::attention(step.batch.group(step.query, kv_head), recipe));
  } else {
    tried.add(crest::attention(step.batch.group(step.query, kv_head), demo::noted(recipe, notes)));
  }
  tried.notes.push_back(std::move(notes));
}

/// Attends with `recipe` for all heads, with what it needs beside the cache; no notes.
template <class R>
Tried try_whole(const R& recipe, const Step& step) {
  Problem p = step.batch.problems()[step.query];
  if constexpr (requires { recipe.sampler.grouping; }) p.index = &step.beside.index(recipe.sampler.grouping);
  Tried tried{.told = R::draws};
  tried.add(crest::attention(p, recipe));
  return tried;
}

}  // namespace detail

/// A recipe of samplers, refiners, softmax and selections. Without a target error: notes would not know of fallbacks.
/// Recipes that choose groups or draw keys take no notes.
template <class R>
Contender contender(demo::Label label, const R& recipe) {
  if constexpr (crest::NeedsIndex<R> || R::draws) {
    return {std::move(label), [recipe](const Step& step) { return detail::try_whole(recipe, step); }};
  } else {
    const auto run = [recipe](const Step& step) {
      Tried tried;
      for (Index kv_head = 0; kv_head < step.trace().kv_heads; ++kv_head)
        detail::try_group(recipe, step, kv_head, tried);
      return tried;
    };
    const auto call = [recipe](demo::Problems problems) { return crest::attention(problems, recipe); };
    return {std::move(label), run, call};
  }
}

/// guided; every layer draws with a seed of its own.
inline Contender contender(demo::Label label, const crest::Guided& recipe, demo::SketchRows kept) {
  const auto run = [=](const Step& step) {
    Problem p = step.batch.problems()[step.query];
    p.sketch = kept == demo::SketchRows::bytes ? &step.beside.rows : &step.beside.codes;
    crest::Guided seeded = recipe;
    seeded.options.seed = static_cast<std::uint64_t>(step.batch.layer().number);
    Tried tried{.told = true};
    tried.add(crest::attention(p, seeded));
    return tried;
  };
  return {std::move(label), run};
}

}  // namespace frontier
