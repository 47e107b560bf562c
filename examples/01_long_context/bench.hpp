// One layer of a trace on the bench: times recipes, follows what they looked at, and compares with the oracle.
#pragma once

#include "../common/progress.hpp"
#include "../common/sketches.hpp"
#include "../common/timing.hpp"
#include "crest/executors.hpp"
#include "measure.hpp"

namespace demo {

struct BenchOptions {
  int repeat = 7;
  double footprint = 64 << 20;  ///< bytes of keys and values to spread the problems over
};

/// Everything runs on the threads of one pool, the textbook loop and the read loops too.
class Bench {
 public:
  Bench(const Trace& trace, const Layer& layer, const BenchOptions& options, crest::Pool& pool, Progress& progress)
      : batch_(trace, layer, options.footprint),
        oracle_(trace, layer),
        options_(options),
        pool_(pool),
        progress_(progress) {}

  /// Bytes per second at which the same bytes can be read; never less than what an earlier call found.
  double read_limit();

  Measured textbook();

  template <class R>
  Measured measure(const Label& label, const R& recipe) {
    say(label.text());
    crest::Report report;
    const double seconds = best_seconds(options_.repeat, pool_.size(),
                                        [&] { report = crest::attention(batch_.problems(), recipe, pool_, backend_); });
    require_ok(report);
    std::vector<double> errors = demo::errors(batch_, oracle_);
    return measured(label, seconds, report, follow(recipe, report), std::move(errors));
  }
  /// `rows`: what the sketches keep; making them is not timed.
  Measured measure(const Label& label, const crest::Guided& recipe, SketchRows rows);

  struct Stepwise {
    Outcome outcome{};
    std::vector<double> bytes{};  ///< read at each position
  };
  /// The same position by position, not timed. recipe_at(query) -> crest::Guided
  template <class F>
  Stepwise step(F&& recipe_at, SketchRows rows) {
    Stepwise steps;
    with_sketches(batch_, rows, options_.footprint, [&](Problems part) {
      for (const auto& problem : part) {
        const crest::Guided recipe = seeded(recipe_at(std::ssize(steps.bytes)));
        const crest::Report report = crest::attention(problem, recipe, pool_, backend_);
        require_ok(report);
        steps.bytes.push_back(static_cast<double>(report.bytes_read));
        steps.outcome.bytes_read += steps.bytes.back();
      }
    });
    steps.outcome.bytes_dense = dense_bytes(batch_);
    steps.outcome.errors = errors(batch_, oracle_);
    return steps;
  }

  /// The rows at the median and at the 95th percentile of the errors in `m`, which `recipe` gave.
  template <class R>
  std::vector<Portrait> portraits(const R& recipe, const Measured& m) {
    std::vector<Portrait> both;
    for (double quantile : {0.5, 0.95}) {
      const crest::Index row = row_at(m.outcome.errors, quantile), queries = batch_.trace().queries();
      Portrait p = portrait(batch_, oracle_, row / queries, row % queries);
      p.error = m.outcome.errors[row];
      take_notes(recipe, row % queries, p.head / batch_.trace().gqa_group(), p.notes);
      both.push_back(std::move(p));
    }
    return both;
  }

  void say(const std::string& what);
  const Batch& batch() const { return batch_; }
  const Oracle& oracle() const { return oracle_; }

 private:
  /// Every layer draws with a seed of its own.
  crest::Guided seeded(crest::Guided recipe) const {
    recipe.options.seed = static_cast<std::uint64_t>(batch_.layer().number);
    return recipe;
  }

  /// Seconds to call f(problem) for every problem of the batch.
  template <class F>
  double time_each(F&& f);

  template <class R>
  void take_notes(const R& recipe, crest::Index query, crest::Index kv_head, Notes& notes) {
    require_ok(crest::attention(batch_.group(query, kv_head), noted(recipe, notes), pool_, backend_));
  }

  /// Goes through all groups once more, taking notes, unless the recipe used every key there is.
  template <class R>
  Followed follow(const R& recipe, const crest::Report& report) {
    if (report.keys_used == report.keys_visible) return {.peaks_found = report.rows};
    Followed all;
    for (crest::Index query = 0; query < batch_.trace().queries(); ++query)
      for (crest::Index kv_head = 0; kv_head < batch_.trace().kv_heads; ++kv_head) {
        Notes notes(batch_.trace().positions[query] + 1);
        take_notes(recipe, query, kv_head, notes);
        all.add(batch_, oracle_, query, kv_head, notes);
      }
    require_same(report, all);
    return all;
  }

  Batch batch_;
  Oracle oracle_;
  BenchOptions options_;
  crest::Pool& pool_;
  Progress& progress_;
  crest::Backend backend_ = crest::Backend::best();
  double limit_ = 0;
};

}  // namespace demo
