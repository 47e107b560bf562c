// What features cost: changed logits, paged and few-bit caches, cascades, MLA, several queries. Each is timed by turns
// with what it is compared with, on one thread.
#pragma once

#include <functional>

#include "measure.hpp"

namespace bench {

/// What is to be reached: ratios and errors stay below a bound, shares above it.
struct Goal {
  enum class Of { ratio, limit, roofline, peak, error } of;
  double bound;

  bool at_most() const { return of == Of::ratio || of == Of::error; }
};

struct FeatureRow {
  Row row{};
  std::string group, what;  ///< "logits", "softcap"
  double base_ms = 0;       ///< of what it is compared with
  std::vector<Goal> goals{};

  double ratio() const { return row.ms_min / base_ms; }
  double peak_share() const { return row.flops / (row.ms_min * 1e-3) / row.limits.fma_peak; }
  double reached(Goal) const;
  bool meets(Goal) const;
};

/// Something timed.
struct Feature {
  std::string what;
  Case at;
  ReadLimit* limit;  ///< of the bytes that it reads
  std::function<crest::Report(crest::Backend)> run;
  std::vector<Goal> goals{};
  std::function<double()> error{};  ///< of the last run
  Index value_dim = 0;              ///< where it is not head_dim
  int parts = 1;                    ///< times, bytes and flops are divided by it
};

/// Features that are compared: ratios are to the first.
struct FeatureSet {
  std::string group;
  Case at;
  ReadLimit* limit;
  std::vector<Feature> features{};

  /// A call on one thread.
  template <class T, class R = crest::Exact>
  Feature& add(const std::string& what, const crest::Problem<T>& p, const R& recipe = crest::exact) {
    return add(what, [=](crest::Backend b) { return crest::attention(p, recipe, crest::this_thread_serial(), b); });
  }
  Feature& add(const std::string& what, std::function<crest::Report(crest::Backend)> run) {
    return features.emplace_back(Feature{what, at, limit, std::move(run)});
  }
};

/// One row for each feature and backend.
std::vector<FeatureRow> measure(const FeatureSet&, const Effort&);

/// A table of its own at one shape.
struct FeatureCase {
  std::string group;
  Case at;
  std::vector<FeatureRow> (*measure)(const Case&, const Effort&);
};

std::vector<FeatureRow> measure_logits(const Case&, const Effort&);
std::vector<FeatureRow> measure_pages(const Case&, const Effort&);
std::vector<FeatureRow> measure_caches(const Case&, const Effort&);
std::vector<FeatureRow> measure_cascade(const Case&, const Effort&);
std::vector<FeatureRow> measure_mla(const Case&, const Effort&);
std::vector<FeatureRow> measure_queries(const Case&, const Effort&);
std::vector<FeatureRow> measure_prompts(const Case&, const Effort&);
std::vector<FeatureRow> measure_sparse(const Case&, const Effort&);

/// All whose "group case type threads" holds every word of `filter`, such as "caches n16k".
std::vector<FeatureCase> feature_cases(bool quick, const std::string& filter);

nlohmann::json to_json(const FeatureRow&);

std::string feature_head();
std::string feature_line(const FeatureRow&);
std::string feature_notes();

}  // namespace bench
