#include "study.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <numeric>

namespace frontier {
namespace {

using demo::Batch;
using demo::PlainLayer;

/// Consecutive positions that one task takes: sketches grow from one to the next.
constexpr Index chunk = 16;

std::vector<TrueRow> truth(const PlainLayer& plain, Index query) {
  std::vector<Index> visible(plain.trace().positions[query] + 1);
  std::iota(visible.begin(), visible.end(), Index{0});
  std::vector<TrueRow> rows;
  for (Index head = 0; head < plain.trace().heads; ++head) {
    std::vector<double> scores = plain.scores(head, query, visible);
    demo::OracleRow answer = plain.weigh(head, visible, scores);
    rows.push_back({std::move(scores), std::move(answer)});
  }
  return rows;
}

/// Of one row, given the keys its group used.
void add_kept(Kept& kept, const demo::Notes& notes, const TrueRow& row) {
  for (std::size_t key = 0; key < row.scores.size(); ++key)
    if (notes.kept[key]) kept.mass += std::exp(row.scores[key] - row.answer.lse);
  kept.peaks += notes.scored[row.answer.heaviest];
}

/// The notes must name as many keys as the report counts, or the mass kept would be another recipe's.
void require_same(const Tried& tried, Index group) {
  double used = 0;
  for (const demo::Notes& notes : tried.notes)
    used += static_cast<double>(group * std::count(notes.kept.begin(), notes.kept.end(), true));
  if (!tried.notes.empty() && used != tried.counts.keys_used)
    throw std::runtime_error("the Report counts other keys than the policies saw");
}

void append(std::vector<double>& all, const std::vector<double>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

/// Positions [first, last) of a layer. beside: of the keys of an earlier position.
LayerStudy study_part(const Batch& batch, const PlainLayer& plain, const std::vector<Contender>& contenders,
                      crest::KeyRange queries, Beside beside) {
  LayerStudy part{.number = batch.layer().number, .outcomes = std::vector<Outcome>(contenders.size())};
  for (Index query = queries.first; query < queries.last; ++query) {
    beside.follow(batch.problems()[query]);
    const Step step{batch, query, beside};
    const std::vector<TrueRow> wanted = truth(plain, query);
    for (const TrueRow& row : wanted) {
      part.neighbours.add_row(row.scores);
      part.smoothness.add_row(row.scores);
    }
    for (std::size_t i = 0; i < contenders.size(); ++i) part.outcomes[i].add(contenders[i].run(step), step, wanted);
  }
  return part;
}

/// Calls f(task) for tasks 0, 1 ... count - 1; throws what one of them threw.
template <class F>
void for_each_task(crest::Pool& pool, Index count, F&& f) {
  std::vector<std::exception_ptr> thrown(count);
  pool.parallel(count, [&](Index, Index task) {
    try {
      f(task);
    } catch (...) {
      thrown[task] = std::current_exception();
    }
  });
  for (const std::exception_ptr& e : thrown)
    if (e) std::rethrow_exception(e);
}

LayerStudy study_layer(const demo::Trace& trace, const demo::Layer& layer, const std::vector<Contender>& contenders,
                       crest::Pool& pool) {
  const Batch batch(trace, layer, 0);
  const PlainLayer plain(trace, layer, demo::cache_of(layer));
  Beside beside(batch);
  beside.follow(batch.problems()[0]);
  std::vector<LayerStudy> parts((trace.queries() + chunk - 1) / chunk);
  for_each_task(pool, std::ssize(parts), [&](Index i) {
    parts[i] = study_part(batch, plain, contenders, {i * chunk, std::min((i + 1) * chunk, trace.queries())}, beside);
  });
  return together(parts);
}

}  // namespace

std::vector<double> Outcome::true_by_predicted() const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < predicted.size(); ++i)
    if (foretold(i)) ratios.push_back(errors[i] / predicted[i]);
  return ratios;
}

void Outcome::add(const Tried& tried, const Step& step, const std::vector<TrueRow>& truth) {
  require_same(tried, step.trace().gqa_group());
  counts.add(tried.counts);
  missed_estimate += tried.missed_estimate;
  if (!tried.notes.empty() && !kept) kept = Kept{};
  for (Index head = 0; head < step.trace().heads; ++head) {
    errors.push_back(demo::row_error(truth[head].answer.o, step.batch.output(head, step.query)));
    if (tried.told) predicted.push_back(step.batch.predicted(head, step.query));
    if (kept) add_kept(*kept, tried.notes[head / step.trace().gqa_group()], truth[head]);
  }
}

void Outcome::add(const Outcome& more) {
  counts.add(more.counts);
  append(errors, more.errors);
  append(predicted, more.predicted);
  missed_estimate += more.missed_estimate;
  if (more.kept) kept = Kept{(kept ? kept->mass : 0) + more.kept->mass, (kept ? kept->peaks : 0) + more.kept->peaks};
}

void LayerStudy::add(const LayerStudy& more) {
  outcomes.resize(more.outcomes.size());
  for (std::size_t i = 0; i < outcomes.size(); ++i) outcomes[i].add(more.outcomes[i]);
  neighbours.add(more.neighbours);
  smoothness.add(more.smoothness);
}

demo::Trace thinned(demo::Trace trace, Index most) {
  const Index all = trace.queries(), d = trace.head_dim;
  if (all <= most) return trace;
  const auto chosen = [&](Index i) { return (i + 1) * all / most - 1; };
  for (demo::Layer& layer : trace.layers) {
    std::vector<float> q;
    for (Index head = 0; head < trace.heads; ++head)
      for (Index i = 0; i < most; ++i) {
        const float* row = layer.q.data() + (head * all + chosen(i)) * d;
        q.insert(q.end(), row, row + d);
      }
    layer.q = std::move(q);
  }
  std::vector<Index> positions;
  for (Index i = 0; i < most; ++i) positions.push_back(trace.positions[chosen(i)]);
  trace.positions = std::move(positions);
  return trace;
}

std::vector<LayerStudy> study(const demo::Trace& trace, const std::vector<Contender>& contenders, crest::Pool& pool,
                              demo::Progress& progress) {
  std::vector<LayerStudy> layers;
  for (const demo::Layer& layer : trace.layers) {
    progress.say(trace.name + ": layer " + std::to_string(layers.size() + 1) + " of " +
                 std::to_string(trace.layers.size()));
    layers.push_back(study_layer(trace, layer, contenders, pool));
  }
  return layers;
}

LayerStudy together(const std::vector<LayerStudy>& layers) {
  LayerStudy all{.number = layers[0].number};
  for (const LayerStudy& layer : layers) all.add(layer);
  return all;
}

}  // namespace frontier
