#include "contest.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>

#include "../common/format.hpp"
#include "rivals.hpp"

namespace demo {
namespace {

using crest::Index;

/// What all others compete on: the bytes that guided read at each position, all KV heads together. Where that is
/// everything, they read everything too, and are exact.
class Terms {
 public:
  Terms(const Bench& bench, double budget, const std::vector<double>& bytes)
      : trace_(bench.batch().trace()), oracle_(bench.oracle()), budget_(budget), bytes_(bytes) {}

  /// Of the dense bytes, for guided.
  double budget() const { return budget_; }
  /// The share that guided really read at a position.
  double share(Index query) const { return std::min(bytes_[query] / dense(query), 1.0); }

  /// The answers from the keys that a rule keeps.
  Outcome keep(const Rule& rule) const {
    Outcome outcome = all_exact();
    for_shares([&](Index query) {
      for (Index kv_head = 0; kv_head < trace_.kv_heads; ++kv_head) {
        const Kept kept = rule(query, kv_head, bytes_[query] / static_cast<double>(trace_.kv_heads));
        outcome.bytes_read += kept.bytes;
        for (Index head = kv_head * trace_.gqa_group(); head < (kv_head + 1) * trace_.gqa_group(); ++head)
          error(outcome, head, query) = oracle_.error(head, query, oracle_.solve(head, query, kept.keys).o.data());
      }
    });
    return outcome;
  }

  /// The answers of a cache that takes `stored` of the bytes.
  Outcome store(double stored, const Oracle& answers) const {
    Outcome outcome = all_exact();
    for_shares([&](Index query) {
      outcome.bytes_read += stored * dense(query);
      for (Index head = 0; head < trace_.heads; ++head)
        error(outcome, head, query) = oracle_.error(head, query, answers.row(head, query).o.data());
    });
    return outcome;
  }

  /// The answers of crest's own steps.
  Outcome take(const Bench::Stepwise& steps) const {
    Outcome outcome = all_exact();
    for_shares([&](Index query) {
      outcome.bytes_read += steps.bytes[query];
      for (Index head = 0; head < trace_.heads; ++head)
        error(outcome, head, query) = steps.outcome.errors[head * trace_.queries() + query];
    });
    return outcome;
  }

 private:
  double dense(Index query) const {
    return static_cast<double>((trace_.positions[query] + 1) * trace_.kv_heads) * row_bytes(trace_);
  }
  double& error(Outcome& o, Index head, Index query) const { return o.errors[head * trace_.queries() + query]; }

  /// Calls f(query) for the positions at which guided read less than everything.
  template <class F>
  void for_shares(F&& f) const {
    for (Index query = 0; query < trace_.queries(); ++query)
      if (share(query) < 1) f(query);
  }
  /// To start from: exact, and what has been read at the positions where everything is.
  Outcome all_exact() const {
    Outcome outcome{.errors = std::vector<double>(trace_.heads * trace_.queries())};
    for (Index query = 0; query < trace_.queries(); ++query) {
      outcome.bytes_dense += dense(query);
      outcome.bytes_read += share(query) < 1 ? 0 : dense(query);
    }
    return outcome;
  }

  const Trace& trace_;
  const Oracle& oracle_;
  double budget_;
  const std::vector<double>& bytes_;
};

/// Who else tries; no outcome where it cannot have just so many bytes.
struct Rival {
  const char* name;
  std::function<std::optional<Outcome>(const Terms&)> run;
  bool attainable = true;  ///< by others than guided and oracles
};

Rival keeping(const char* name, Rule rule, bool attainable = true) {
  return {name, [rule = std::move(rule)](const Terms& terms) { return terms.keep(rule); }, attainable};
}

double share(const Trace& trace, Quantiser q) { return row_bytes(trace, q) / row_bytes(trace); }

Rival storing(const char* name, Quantiser q, const Bench& bench) {
  const Trace& trace = bench.batch().trace();
  const Layer& layer = bench.batch().layer();
  const auto answers = std::make_shared<const Oracle>(trace, layer, stored(trace, layer, q));
  return {name, [=, own = share(trace, q)](const Terms& terms) -> std::optional<Outcome> {
            if (terms.budget() != own) return {};
            return terms.store(own, *answers);
          }};
}

/// guided, always with the same budget.
Bench::Stepwise step(Bench& bench, double budget, SketchRows rows) {
  return bench.step([&](Index) { return crest::guided.with({.budget = static_cast<float>(budget)}); }, rows);
}

/// The largest estimates of the sketch, unweighted.
Outcome top_keys(Bench& bench, const Terms& terms) {
  const auto recipe = [&](Index query) {
    return crest::guided.with({.budget = static_cast<float>(terms.share(query)), .draw = crest::Draw::top});
  };
  return terms.take(bench.step(recipe, SketchRows::bytes));
}

std::vector<Rival> rivals(Bench& bench) {
  const Trace& trace = bench.batch().trace();
  const auto f16_rows = [&](const Terms& terms) { return step(bench, terms.budget(), SketchRows::none).outcome; };
  return {{"guided, f16 rows", f16_rows, false},
          {"top keys of the sketch", [&](const Terms& terms) { return top_keys(bench, terms); }},
          keeping("top keys of an oracle", true_top_keys(trace, bench.oracle()), false),
          keeping("blocks of 16 by bounds", best_blocks(trace, bench.batch().layer())),
          keeping("sinks and recent keys", sinks_and_recent(trace)),
          storing("q4_0 cache", q4_0, bench),
          storing("q8_0 cache", q8_0, bench)};
}

}  // namespace

Contest compete(Bench& bench) {
  const Trace& trace = bench.batch().trace();
  Contest contest{.budgets = {0.10, 0.15, 0.20, share(trace, q4_0), share(trace, q8_0)},
                  .contenders = {{"guided"}},
                  .codes_memory = sketch_memory(bench.batch(), SketchRows::none),
                  .rows_memory = sketch_memory(bench.batch(), SketchRows::bytes)};
  const std::vector<Rival> others = rivals(bench);
  for (const Rival& rival : others) contest.contenders.push_back({rival.name, rival.attainable});
  for (double budget : contest.budgets) {
    bench.say("guided against others at " + percent(budget) + " of the bytes");
    const Bench::Stepwise guided = step(bench, budget, SketchRows::bytes);
    contest.contenders[0].at.push_back(guided.outcome);
    for (std::size_t i = 0; i < others.size(); ++i)
      contest.contenders[i + 1].at.push_back(others[i].run(Terms(bench, budget, guided.bytes)));
  }
  return contest;
}

}  // namespace demo
