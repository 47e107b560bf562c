#include "guided.hpp"

#include <cmath>
#include <crest/executors.hpp>

#include "peaked.hpp"
#include "reference.hpp"

namespace bench {

namespace {

/// What several draws add up to.
struct Draws {
  static constexpr int count = 8;

  double error = 0, predicted = 0;
  crest::Report report{};

  void add(const crest::Report& r) {
    report.rows += r.rows;
    report.fallbacks += r.fallbacks;
    report.bytes_read += r.bytes_read;
    report.keys_scored += r.keys_scored;
    report.keys_used += r.keys_used;
  }
};

template <class T>
class GuidedBench {
 public:
  GuidedBench(const Case& c, const Effort& effort)
      : case_(c), effort_(effort), pool_(c.threads), limit_(inputs_.k.bytes(), inputs_.v.bytes(), c.threads) {
    pin_threads(pool_);
    const auto problem = inputs_.problem(inputs_.q, out_);
    check(sketch_.append(problem.k));
    check(sketch_with_rows_.append(problem.k, problem.v));
  }

  std::vector<GuidedLine> run() {
    Contestant limit{[this] { return limit_.round(); }};
    std::vector<Lane> lanes;
    for (crest::Backend backend : effort_.backends) lanes.push_back(lane(backend));
    std::vector<Contestant*> order{&limit};
    for (Lane& lane : lanes) {
      order.push_back(&lane.exact);
      for (Guided& guided : lane.guided) order.push_back(&guided.times);
    }
    compete(order, effort_.seconds);
    for (const Lane& lane : lanes) limit_.confirm(lane.exact.least());
    std::vector<GuidedLine> lines;
    for (const Lane& lane : lanes)
      for (bool byte_rows : {true, false}) lines.push_back(line(lane, byte_rows));
    return lines;
  }

 private:
  struct Guided {
    bool byte_rows;
    float budget;
    Contestant times;
  };
  /// What is timed on one backend.
  struct Lane {
    crest::Backend backend;
    Contestant exact;
    std::vector<Guided> guided;
  };

  Lane lane(crest::Backend backend) {
    Lane lane{backend, {[=, this] { return seconds_of([&] { attend(crest::exact, backend, false); }); }}, {}};
    for (bool byte_rows : {true, false})
      for (float budget : guided_budgets)
        lane.guided.push_back({byte_rows, budget, {[=, this] {
                                 const auto recipe = crest::guided.with({.budget = budget});
                                 return seconds_of([&] { attend(recipe, backend, byte_rows); });
                               }}});
    return lane;
  }

  template <class Recipe>
  void attend(const Recipe& recipe, crest::Backend backend, bool byte_rows) {
    crest::Problem<T> problem = inputs_.problem(inputs_.q, out_);
    problem.sketch = byte_rows ? &sketch_with_rows_ : &sketch_;
    problem.error = {predicted_.data(), {case_.shape.heads, 1}};
    report_ = crest::attention(problem, recipe, pool_, backend);
    check(report_.status);
  }

  /// Draws against the exact answer.
  Draws draws(crest::Backend backend, const Guided& guided) {
    attend(crest::exact, backend, false);
    const std::vector<float> exact = out_;
    Draws sums;
    for (std::uint64_t seed = 0; seed < Draws::count; ++seed) {
      attend(crest::guided.with({.budget = guided.budget, .seed = seed}), backend, guided.byte_rows);
      sums.add(report_);
      for (Index h = 0; h < case_.shape.heads; ++h) sums.error += head_error(exact, h);
      for (float x : predicted_) sums.predicted += x;
    }
    return sums;
  }

  double head_error(const std::vector<float>& exact, Index head) const {
    const Index dim = case_.shape.head_dim;
    return row_error(out_.data() + head * dim, exact.data() + head * dim, dim);
  }

  GuidedLine line(const Lane& lane, bool byte_rows) {
    const Limits limits = limits_of(limit_, lane.backend);
    GuidedLine line{.exact = {"crest_exact", lane.backend, case_, lane.exact, limits}};
    std::size_t at = 0;
    for (const Guided& guided : lane.guided)
      if (guided.byte_rows == byte_rows) line.guided[at++] = row(lane, guided, limits);
    return line;
  }

  GuidedRow row(const Lane& lane, const Guided& guided, const Limits& limits) {
    const Draws sums = draws(lane.backend, guided);
    const double rows = static_cast<double>(sums.report.rows);
    GuidedRow row{.row = {"crest_guided", lane.backend, case_, guided.times, limits},
                  .budget = guided.budget,
                  .byte_rows = guided.byte_rows,
                  .exact_ms = lane.exact.least() * 1e3,
                  .predicted = sums.predicted / rows,
                  .fallbacks = static_cast<double>(sums.report.fallbacks) / rows};
    row.row.charge(sums.report, Draws::count);
    row.row.error = sums.error / rows;
    return row;
  }

  Case case_;
  const Effort& effort_;
  crest::Pool pool_;
  crest::Report report_;  ///< of the last call
  PeakedInputs<T> inputs_{case_.shape};
  std::vector<float> out_ = std::vector<float>(case_.shape.heads * case_.shape.head_dim);
  std::vector<float> predicted_ = std::vector<float>(case_.shape.heads);
  ReadLimit limit_;
  crest::KeySketch sketch_{case_.shape.kv_heads, case_.shape.head_dim};
  crest::KeySketch sketch_with_rows_{case_.shape.kv_heads, case_.shape.head_dim};
};

}  // namespace

std::vector<GuidedLine> measure_guided(const Case& c, const Effort& effort) {
  return with_type(c.dtype, [&](auto element) { return GuidedBench<decltype(element)>(c, effort).run(); });
}

}  // namespace bench
