#include "measure.hpp"

#include <crest/executors.hpp>

#include "inputs.hpp"
#include "reference.hpp"
#include "team.hpp"
#include "textbook.hpp"

namespace bench {

namespace {

/// Buffers, threads and answers of one case.
template <class T>
class Bench {
 public:
  Bench(const Case& c, const Effort& effort)
      : case_(c),
        effort_(effort),
        pool_(c.threads),
        limit_(inputs_.k.bytes(), inputs_.v.bytes(), c.threads),
        exact_answer_(reference(inputs_.problem(inputs_.q, out_))),
        near_answer_(effort.clustered ? reference(inputs_.problem(inputs_.near_q, out_)) : Reference{}) {
    pin_threads(pool_);
  }

  std::vector<Line> run() {
    Contestant limit{[this] { return limit_.round(); }};
    std::vector<Lane> lanes;
    for (crest::Backend backend : effort_.backends) lanes.push_back(lane(backend));
    compete(order(limit, lanes), effort_.seconds);
    std::vector<Line> lines;
    for (const Lane& lane : lanes) limit_.confirm(lane.exact.least());
    for (const Lane& lane : lanes) lines.push_back(line(lane));
    return lines;
  }

 private:
  /// What is timed on one backend.
  struct Lane {
    crest::Backend backend;
    Contestant exact, clustered, textbook;
  };

  Lane lane(crest::Backend backend) {
    return {backend,
            {[=, this] { return seconds_of([&] { attend(crest::exact, backend); }); }},
            {[=, this] { return seconds_of([&] { attend(crest::clustered, backend); }); }},
            {[=, this] { return seconds_of([&] { textbook(backend); }); }}};
  }

  std::vector<Contestant*> order(Contestant& limit, std::vector<Lane>& lanes) const {
    std::vector<Contestant*> all{&limit};
    for (Lane& lane : lanes) {
      all.push_back(&lane.exact);
      if (effort_.clustered) all.push_back(&lane.clustered);
      if (effort_.textbook) all.push_back(&lane.textbook);
    }
    return all;
  }

  /// Clustered looks for plateaus, so it gets the queries that have some.
  template <class Recipe>
  void attend(const Recipe& recipe, crest::Backend backend) {
    const bool near = !std::is_same_v<Recipe, crest::Exact>;
    report_ = crest::attention(inputs_.problem(near ? inputs_.near_q : inputs_.q, out_), recipe, pool_, backend);
    check(report_.status);
  }

  void textbook(crest::Backend backend) {
    const auto problem = inputs_.problem(inputs_.q, out_);
    pool_.parallel(problem.heads(), [&](Index thread, Index head) {
      textbook_row(problem, head, scores_.data() + thread * problem.keys(), backend);
    });
  }

  /// Times are known by now; one run more of each gives bytes and error.
  Line line(const Lane& lane) {
    const Limits limits = limits_of(limit_, lane.backend);
    Line line{.exact = {"crest_exact", lane.backend, case_, lane.exact, limits}};
    attend(crest::exact, lane.backend);
    line.exact.charge(report_);
    line.exact.error = exact_answer_.relative_error(out_.data());
    line.exact.plausible = line.exact.limit_share() <= largest_share;
    if (effort_.clustered) {
      line.clustered = {"crest_clustered", lane.backend, case_, lane.clustered, limits};
      attend(crest::clustered, lane.backend);
      line.clustered.charge(report_);
      line.clustered.error = near_answer_.relative_error(out_.data());
    }
    if (effort_.textbook) {
      line.textbook = {"textbook", lane.backend, case_, lane.textbook, limits};
      textbook(lane.backend);
      line.textbook.error = exact_answer_.relative_error(out_.data());
    }
    return line;
  }

  Case case_;
  const Effort& effort_;
  crest::Pool pool_;
  crest::Report report_;  ///< of the last call
  Inputs<T> inputs_{case_.shape};
  std::vector<float> out_ = std::vector<float>(case_.shape.heads * case_.shape.head_dim);
  std::vector<float> scores_ = std::vector<float>(case_.shape.keys * case_.threads);
  ReadLimit limit_;
  Reference exact_answer_, near_answer_;
};

}  // namespace

std::vector<Line> measure(const Case& c, const Effort& effort) {
  return with_type(c.dtype, [&](auto element) { return Bench<decltype(element)>(c, effort).run(); });
}

}  // namespace bench
