#include "measure.hpp"

#include <algorithm>
#include <crest/executors.hpp>
#include <stdexcept>

#include "contest.hpp"
#include "inputs.hpp"
#include "limits.hpp"
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
    confirm_limit(lanes);
    std::vector<Line> lines;
    for (const Lane& lane : lanes) lines.push_back(line(lane, limits(limit, lane.backend)));
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
            {[=, this] { return timed([&] { attend(crest::exact, backend); }); }},
            {[=, this] { return timed([&] { attend(crest::clustered, backend); }); }},
            {[=, this] { return timed([&] { textbook(backend); }); }}};
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

  template <class F>
  double timed(F&& f) const {
    const double begin = now();
    f();
    return now() - begin;
  }

  /// Returns the bytes read. Clustered looks for plateaus, so it gets the queries that have some.
  template <class Recipe>
  double attend(const Recipe& recipe, crest::Backend backend) {
    const bool near = !std::is_same_v<Recipe, crest::Exact>;
    const auto report =
        crest::attention(inputs_.problem(near ? inputs_.near_q : inputs_.q, out_), recipe, pool_, backend);
    if (!report.ok()) throw std::runtime_error(crest::to_string(report.status));
    return static_cast<double>(report.bytes_read);
  }

  void textbook(crest::Backend backend) {
    const auto problem = inputs_.problem(inputs_.q, out_);
    pool_.parallel(problem.heads(), [&](Index thread, Index head) {
      textbook_row(problem, head, scores_.data() + thread * problem.keys(), backend);
    });
  }

  /// A kernel that seems faster than memory: measure the limit harder before believing that anything is wrong.
  void confirm_limit(const std::vector<Lane>& lanes) {
    constexpr int tries = 10;
    double fastest = limit_.seconds();
    for (const Lane& lane : lanes) fastest = std::min(fastest, lane.exact.least());
    for (int i = 0; i < tries && limit_.seconds() > largest_share * fastest; ++i) limit_.full_round();
  }

  Limits limits(const Contestant& limit, crest::Backend backend) const {
    const double bytes = static_cast<double>(case_.shape.kv_bytes(case_.dtype));
    return {.read_ms = limit_.seconds() * 1e3,
            .before_gbs = bytes / limit.seconds.front() * 1e-9,
            .after_gbs = bytes / limit.seconds.back() * 1e-9,
            .fma_peak = fma_peak(backend.name(), case_.threads),
            .loop = bench::name(limit_.loop())};
  }

  Row row(std::string peer, const Contestant& c, const Limits& limits, crest::Backend backend) const {
    return {.peer = std::move(peer),
            .backend = backend.name(),
            .at = case_,
            .ms_min = c.least() * 1e3,
            .ms_median = c.median() * 1e3,
            .bytes = static_cast<double>(case_.shape.kv_bytes(case_.dtype)),
            .limits = limits};
  }

  /// Times are known by now; one run more of each gives bytes and error.
  Line line(const Lane& lane, const Limits& limits) {
    Line line{.exact = row("crest_exact", lane.exact, limits, lane.backend)};
    line.exact.bytes = attend(crest::exact, lane.backend);
    line.exact.error = exact_answer_.relative_error(out_.data());
    line.exact.plausible = line.exact.limit_share() <= largest_share;
    if (effort_.clustered) {
      line.clustered = row("crest_clustered", lane.clustered, limits, lane.backend);
      line.clustered.bytes = attend(crest::clustered, lane.backend);
      line.clustered.error = near_answer_.relative_error(out_.data());
    }
    if (effort_.textbook) {
      line.textbook = row("textbook", lane.textbook, limits, lane.backend);
      textbook(lane.backend);
      line.textbook.error = exact_answer_.relative_error(out_.data());
    }
    return line;
  }

  Case case_;
  const Effort& effort_;
  crest::Pool pool_;
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
