#include "contest.hpp"

#include <functional>
#include <memory>
#include <numeric>

#include "../common/format.hpp"
#include "rivals.hpp"

namespace demo {
namespace {

using crest::Index;

/// Bytes for each position, all KV heads together.
using Allowance = std::vector<double>;

/// Calls f(query, head) for all rows, heads outermost, and keeps what it returns.
template <class F>
std::vector<double> for_rows(const Trace& t, F&& f) {
  std::vector<double> all;
  for (Index head = 0; head < t.heads; ++head)
    for (Index query = 0; query < t.queries(); ++query) all.push_back(f(query, head));
  return all;
}

/// One rival's try at one budget.
class Try {
 public:
  Try(const Bench& bench, const Allowance& allowance)
      : trace_(bench.batch().trace()), oracle_(bench.oracle()), allowance_(allowance) {}

  /// select(query, kv_head, bytes) -> Kept
  template <class F>
  Outcome keep(F&& select) const {
    Outcome outcome{.bytes_dense = dense(), .errors = std::vector<double>(trace_.heads * trace_.queries())};
    for (Index query = 0; query < trace_.queries(); ++query)
      for (Index kv_head = 0; kv_head < trace_.kv_heads; ++kv_head) {
        const Kept kept = reads_all(query) ? everything(query) : select(query, kv_head, allowed(query));
        outcome.bytes_read += kept.bytes;
        for (Index head = kv_head * trace_.gqa_group(); head < (kv_head + 1) * trace_.gqa_group(); ++head)
          outcome.errors[head * trace_.queries() + query] =
              oracle_.error(head, query, oracle_.solve(head, query, kept.keys).o.data());
      }
    return outcome;
  }

  /// What somebody else's steps come to.
  Outcome take(Bench::Stepwise steps) const {
    for (Index query = 0; query < trace_.queries(); ++query) {
      if (!reads_all(query)) continue;
      steps.outcome.bytes_read += dense(query) - steps.bytes[query];
      for (Index head = 0; head < trace_.heads; ++head) steps.outcome.errors[head * trace_.queries() + query] = 0;
    }
    return steps.outcome;
  }

  /// A cache of `row` bytes per key and KV head, and the answers it gives.
  Outcome store(double row, const Oracle& answers) const {
    Outcome outcome{.bytes_dense = dense()};
    for (Index query = 0; query < trace_.queries(); ++query)
      outcome.bytes_read += reads_all(query) ? dense(query) : dense(query) * row / row_bytes(trace_);
    outcome.errors = for_rows(trace_, [&](Index query, Index head) {
      return reads_all(query) ? 0 : oracle_.error(head, query, answers.row(head, query).o.data());
    });
    return outcome;
  }

 private:
  double dense(Index query) const {
    return static_cast<double>((trace_.positions[query] + 1) * trace_.kv_heads) * row_bytes(trace_);
  }
  double dense() const {
    double sum = 0;
    for (Index query = 0; query < trace_.queries(); ++query) sum += dense(query);
    return sum;
  }
  bool reads_all(Index query) const { return allowance_[query] >= dense(query); }
  double allowed(Index query) const { return allowance_[query] / static_cast<double>(trace_.kv_heads); }
  Kept everything(Index query) const {
    Kept all{std::vector<Index>(trace_.positions[query] + 1), dense(query) / static_cast<double>(trace_.kv_heads)};
    std::iota(all.keys.begin(), all.keys.end(), Index{0});
    return all;
  }

  const Trace& trace_;
  const Oracle& oracle_;
  const Allowance& allowance_;
};

crest::Guided at(double budget, crest::Draw draw = crest::Draw::mass) {
  return crest::guided.with({.budget = static_cast<float>(budget), .draw = draw});
}

/// Who tries at a budget; none where it cannot.
struct Rival {
  const char* name;
  std::function<std::optional<Outcome>(double budget, const Try& with)> run;
};

double share(const Trace& trace, Quantiser q) { return row_bytes(trace, q) / row_bytes(trace); }

Rival stored_as(const char* name, Quantiser q, const Bench& bench) {
  const Trace& trace = bench.batch().trace();
  const Layer& layer = bench.batch().layer();
  const auto answers = std::make_shared<const Oracle>(trace, layer, stored(trace, layer, q));
  return {name, [=, &trace](double budget, const Try& with) -> std::optional<Outcome> {
            if (budget != share(trace, q)) return {};
            return with.store(row_bytes(trace, q), *answers);
          }};
}

Rival best_blocks(const char* name, const Bench& bench) {
  const auto blocks = std::make_shared<const BlockBounds>(bench.batch().trace(), bench.batch().layer());
  return {name, [=](double, const Try& with) {
            return with.keep([&](Index query, Index kv, double bytes) { return blocks->best(query, kv, bytes); });
          }};
}

std::vector<Rival> rivals(Bench& bench) {
  const Trace& trace = bench.batch().trace();
  return {
      {"guided, f16 rows", [&](double budget, const Try&) { return bench.step(at(budget), SketchRows::none).outcome; }},
      {"top keys of the sketch",
       [&](double budget, const Try& with) {
         return with.take(bench.step(at(budget, crest::Draw::top), SketchRows::bytes));
       }},
      best_blocks("blocks of 16 by bounds", bench),
      {"sinks and recent keys",
       [&](double, const Try& with) {
         return with.keep([&](Index query, Index, double bytes) { return sinks_and_recent(trace, query, bytes); });
       }},
      stored_as("q4_0 cache", q4_0, bench),
      stored_as("q8_0 cache", q8_0, bench)};
}

}  // namespace

Contest compete(Bench& bench) {
  const Trace& trace = bench.batch().trace();
  Contest contest{{0.10, 0.15, 0.20, share(trace, q4_0), share(trace, q8_0)}, {{"guided", {}}}};
  const std::vector<Rival> others = rivals(bench);
  for (const Rival& rival : others) contest.contenders.push_back({rival.name, {}});
  for (double budget : contest.budgets) {
    bench.say("guided against others at " + percent(budget) + " of the bytes");
    const Bench::Stepwise guided = bench.step(at(budget), SketchRows::bytes);
    contest.contenders[0].at.push_back(guided.outcome);
    for (std::size_t i = 0; i < others.size(); ++i)
      contest.contenders[i + 1].at.push_back(others[i].run(budget, Try(bench, guided.bytes)));
  }
  return contest;
}

}  // namespace demo
