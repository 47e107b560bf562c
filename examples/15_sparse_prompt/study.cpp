#include "study.hpp"

#include <algorithm>
#include <limits>

#include "../common/counted.hpp"
#include "../common/statistics.hpp"
#include "../common/timing.hpp"
#include "call.hpp"

namespace prompt {
namespace {

using Truth = std::vector<demo::OracleRow>;  // [heads][queries]

/// Every layer draws with a seed of its own.
crest::Sparse sparse_recipe(float share, const demo::Layer& layer) {
  return crest::sparse.with({.budget = share, .seed = static_cast<std::uint64_t>(layer.number)});
}

std::vector<Method> methods() {
  std::vector<Method> all{{.name = "crest sparse"}};
  for (const Rival& rival : rivals()) all.push_back({.name = rival.name, .oracle = rival.oracle});
  return all;
}

void add(std::vector<Method>& sum, const std::vector<Method>& more) {
  for (std::size_t m = 0; m < sum.size(); ++m)
    for (std::size_t s = 0; s < shares.size(); ++s) sum[m].at[s].add(more[m].at[s]);
}

/// What a rule comes to on a tile.
Outcome outcome_of(const Rule& rule, float share, const QueryTile& tile, const demo::PlainLayer& layer) {
  Outcome o;
  std::vector<double> scores;
  for (Index query = 0; query < tile.queries(); ++query) {
    const std::vector<Index> keys = rule(query, tile.allowed(share));
    scores.clear();
    for (Index key : keys) scores.push_back(tile.scores[query][key]);
    o.errors.push_back(demo::row_error(tile.exact[query].o, layer.weigh(tile.head, keys, scores).o.data()));
    o.keys_used += static_cast<double>(keys.size());
    o.keys_visible += static_cast<double>(tile.positions[query] + 1);
  }
  return o;
}

/// All rivals on a tile.
std::vector<Method> try_rivals(const View& view, const demo::PlainLayer& layer) {
  std::vector<Method> found = methods();
  for (std::size_t m = 1; m < found.size(); ++m) {
    const Rule rule = rivals()[m - 1].rule(view);
    for (std::size_t s = 0; s < shares.size(); ++s) found[m].at[s] = outcome_of(rule, shares[s], view.tile, layer);
  }
  return found;
}

/// One layer, tile by tile.
class LayerStudy {
 public:
  LayerStudy(const demo::Trace& trace, const demo::Layer& layer)
      : trace_(trace),
        layer_(layer),
        plain_(trace, layer, demo::cache_of(layer)),
        tiles_(tiles_of(trace)),
        lines_(trace.heads),
        truth_(trace.heads * trace.queries()),
        found_(tiles_.size()) {}

  Study run(const Effort& effort) {
    const Index first = std::max<Index>(0, trace_.queries() - line_queries);
    effort.pool.parallel(trace_.heads, [&](Index, Index head) {
      lines_[head] = lines_of(QueryTile(plain_, {head, first, trace_.queries()}));
    });
    effort.pool.parallel(std::ssize(tiles_), [&](Index thread, Index i) {
      if (thread == 0)
        effort.progress.say(name() + "tile " + std::to_string(i + 1) + " of " + std::to_string(tiles_.size()));
      try_tile(i);
    });
    Study s{.methods = methods()};
    for (const auto& tile : found_) add(s.methods, tile);
    ask_crest(s, effort.pool);
    note_losses(s);
    return s;
  }

 private:
  std::string name() const { return trace_.name + ", layer " + std::to_string(layer_.number) + ": "; }

  void try_tile(Index i) {
    QueryTile tile(plain_, tiles_[i]);
    found_[i] = try_rivals({tile, lines_[tile.head]}, plain_);
    std::move(tile.exact.begin(), tile.exact.end(), truth_.begin() + tile.head * trace_.queries() + tiles_[i].first);
  }

  std::vector<double> errors(const Call& call) const {
    std::vector<double> all;
    for (Index row = 0; row < std::ssize(truth_); ++row)
      all.push_back(demo::row_error(truth_[row].o, call.output(row)));
    return all;
  }
  void ask_crest(Study& s, crest::Pool& pool) {
    Call call(trace_, layer_);
    const auto ask = [&](const auto& recipe) {
      const crest::Report report = crest::attention(call.problem(), recipe, pool);
      demo::require_ok(report);
      Outcome o{.errors = errors(call),
                .keys_used = static_cast<double>(report.keys_used),
                .keys_visible = static_cast<double>(report.keys_visible)};
      for (Index row = 0; row < std::ssize(truth_); ++row) o.told.push_back(call.told(row));
      return o;
    };
    s.exact = ask(crest::exact).errors;
    s.mixed = ask(crest::mixed.with({.target_error = 0, .emulate = true}));
    for (std::size_t i = 0; i < shares.size(); ++i) s.methods[0].at[i] = ask(sparse_recipe(shares[i], layer_));
  }

  void note_losses(Study& s) const {
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const Method& rival = s.best_rival(i);
      const double theirs = demo::mean(rival.at[i].errors), own = demo::mean(s.sparse().at[i].errors);
      if (theirs < own) s.losses.push_back({layer_.number, shares[i], rival.name, theirs, own});
    }
  }

  const demo::Trace& trace_;
  const demo::Layer& layer_;
  demo::PlainLayer plain_;
  std::vector<TilePlace> tiles_;
  std::vector<Lines> lines_;  // [heads]
  Truth truth_;
  std::vector<std::vector<Method>> found_;  // by tile
};

/// The least times of exact and of sparse at every share, by turns.
Times time_layer(const demo::Trace& trace, const demo::Layer& layer, int repeat) {
  constexpr double never = std::numeric_limits<double>::infinity();
  Call call(trace, layer);
  Times least{.exact = never};
  least.sparse.fill(never);
  const auto time = [&](double& best, const auto& recipe) {
    best =
        std::min(best, demo::best_seconds(1, 1, [&] { demo::require_ok(crest::attention(call.problem(), recipe)); }));
  };
  for (int i = 0; i < repeat; ++i) {
    time(least.exact, crest::exact);
    for (std::size_t s = 0; s < shares.size(); ++s) time(least.sparse[s], sparse_recipe(shares[s], layer));
  }
  return least;
}

void add(Study& sum, const Study& more) {
  add(sum.methods, more.methods);
  sum.exact.insert(sum.exact.end(), more.exact.begin(), more.exact.end());
  sum.mixed.add(more.mixed);
  sum.losses.insert(sum.losses.end(), more.losses.begin(), more.losses.end());
}

void add(Times& sum, const Times& more) {
  sum.exact += more.exact;
  for (std::size_t s = 0; s < shares.size(); ++s) sum.sparse[s] += more.sparse[s];
}

}  // namespace

void Outcome::add(const Outcome& more) {
  errors.insert(errors.end(), more.errors.begin(), more.errors.end());
  told.insert(told.end(), more.told.begin(), more.told.end());
  keys_used += more.keys_used;
  keys_visible += more.keys_visible;
}

std::vector<double> Outcome::true_by_told() const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < told.size(); ++i)
    if (told[i] > 0) ratios.push_back(errors[i] / told[i]);
  return ratios;
}

const Method& Study::best_rival(std::size_t share) const {
  const Method* best = nullptr;
  const auto error = [&](const Method& m) { return demo::mean(m.at[share].errors); };
  for (const Method& m : methods)
    if (&m != &sparse() && !m.oracle && (best == nullptr || error(m) < error(*best))) best = &m;
  return *best;
}

Study study(const demo::Trace& trace, const Effort& effort) {
  Study all{.methods = methods()};
  for (const demo::Layer& layer : trace.layers) {
    add(all, LayerStudy(trace, layer).run(effort));
    effort.progress.say(trace.name + ", layer " + std::to_string(layer.number) + ": times");
    add(all.times, time_layer(trace, layer, effort.repeat));
  }
  return all;
}

}  // namespace prompt
