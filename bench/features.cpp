#include "features.hpp"

#include <algorithm>

#include "team.hpp"

namespace bench {

namespace {

/// A feature on one backend.
struct Lane {
  const Feature& feature;
  crest::Backend backend;
  Contestant times;

  Lane(const Feature& f, crest::Backend b)
      : feature(f), backend(b), times{[&f, b] { return seconds_of([&] { check(f.run(b).status); }) / f.parts; }} {}
};

std::vector<ReadLimit*> limits_in(const FeatureSet& set) {
  std::vector<ReadLimit*> all;
  for (const Feature& f : set.features)
    if (std::find(all.begin(), all.end(), f.limit) == all.end()) all.push_back(f.limit);
  return all;
}

/// Limits and lanes by turns.
void compete(const FeatureSet& set, std::vector<Lane>& lanes, double seconds) {
  std::vector<Contestant> limits;
  for (ReadLimit* limit : limits_in(set)) limits.push_back({[=] { return limit->round(); }});
  std::vector<Contestant*> order;
  for (Contestant& limit : limits) order.push_back(&limit);
  for (Lane& lane : lanes) order.push_back(&lane.times);
  compete(order, seconds);
  for (const Lane& lane : lanes) lane.feature.limit->confirm(lane.times.least());
}

/// Times are known by now; one run more gives bytes and error.
FeatureRow row_of(const FeatureSet& set, const Lane& lane) {
  const Feature& f = lane.feature;
  FeatureRow r{.row = {"crest_feature", lane.backend, f.at, lane.times, limits_of(*f.limit, lane.backend)},
               .group = set.group,
               .what = f.what,
               .goals = f.goals};
  const crest::Report report = f.run(lane.backend);
  r.row.charge(report, f.parts);
  const Index value_dim = f.value_dim > 0 ? f.value_dim : f.at.shape.head_dim;
  r.row.flops =
      2.0 / f.parts * static_cast<double>(f.at.shape.head_dim * report.keys_scored + value_dim * report.keys_used);
  if (f.error) r.row.error = f.error();
  return r;
}

}  // namespace

std::vector<FeatureRow> measure(const FeatureSet& set, const Effort& effort) {
  const Pinned pinned(0);
  std::vector<Lane> lanes;
  for (const Feature& f : set.features)
    for (crest::Backend b : effort.backends) lanes.emplace_back(f, b);
  compete(set, lanes, effort.seconds);
  std::vector<FeatureRow> rows;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    rows.push_back(row_of(set, lanes[i]));
    rows.back().base_ms = rows[i % effort.backends.size()].row.ms_min;
  }
  return rows;
}

std::vector<FeatureCase> feature_cases(bool quick, const std::string& filter) {
  const Shape grouped{32, 8, 128, 0}, alone{8, 8, 128, 0}, mla{16, 1, 576, 0}, large_mla{128, 1, 576, 0};
  std::vector<FeatureCase> chosen;
  const auto add = [&](const char* group, auto* measure, Shape shape, std::vector<Index> keys, DType dtype) {
    for (Index n : keys) {
      shape.keys = n;
      const Case at{shape, dtype, 1};
      if (holds_all(std::string(group).append(" ").append(at.name()), filter)) chosen.push_back({group, at, measure});
    }
  };
  const std::vector<Index> lengths = quick ? std::vector<Index>{4096} : std::vector<Index>{4096, 16384, 65536};
  add("logits", measure_logits, grouped, {lengths.front(), 16384}, DType::f16);
  add("pages", measure_pages, grouped, lengths, DType::f16);
  for (const Shape& shape : {grouped, alone}) add("caches", measure_caches, shape, lengths, DType::f16);
  for (const Shape& shape : {grouped, alone})
    for (DType dtype : {DType::f16, DType::f32}) add("cascade", measure_cascade, shape, {8192}, dtype);
  for (const Shape& shape : {mla, large_mla}) add("mla", measure_mla, shape, {4096}, DType::f16);
  add("queries", measure_queries, grouped, {8192}, DType::f16);
  const Shape prompt{8, 2, 128, 0}, small_prompt{9, 3, 64, 0};
  for (const Shape& shape : {prompt, small_prompt}) {
    add("prompts", measure_prompts, shape, quick ? lengths : std::vector<Index>{1024, 2048, 4096, 8192}, DType::f16);
    add("sparse", measure_sparse, shape, quick ? lengths : std::vector<Index>{8192, 32768, 131072}, DType::f16);
  }
  return chosen;
}

}  // namespace bench
