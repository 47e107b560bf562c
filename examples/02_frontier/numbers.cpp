#include <nlohmann/json.hpp>

#include "report.hpp"

namespace frontier {
namespace {

using nlohmann::ordered_json;

/// Where NaN stands for a number that is not there, null.
ordered_json number(double x) { return x == x ? ordered_json(x) : ordered_json(); }

ordered_json outcome(const Contender& contender, const Outcome& o) {
  const std::vector<double> ratios = o.true_by_predicted();
  const demo::Counted& c = o.counts;
  ordered_json j{{"family", contender.label.family},
                 {"setting", contender.label.setting},
                 {"bytes_read", c.bytes_read},
                 {"bytes_dense", c.bytes_dense},
                 {"keys_used", c.keys_used / c.keys_visible},
                 {"error_mean", number(o.error())},
                 {"error_p95", number(demo::value_at(o.errors, 0.95))},
                 {"rescales", c.rescales},
                 {"fallbacks", c.fallbacks},
                 {"missed_estimate", o.missed_estimate / c.rows}};
  if (o.kept) j["mass_kept"] = o.mass_kept(), j["peaks_found"] = o.kept->peaks / c.rows;
  if (!o.predicted.empty()) {
    j["predicted_mean"] = number(demo::mean(o.predicted));
    j["true_by_predicted_median"] = number(demo::value_at(ratios, 0.5));
    j["true_by_predicted_p99"] = number(demo::value_at(ratios, 0.99));
  }
  return j;
}

ordered_json outcomes(const LayerStudy& layer, const std::vector<Contender>& contenders) {
  ordered_json all = ordered_json::array();
  for (std::size_t i = 0; i < contenders.size(); ++i) all.push_back(outcome(contenders[i], layer.outcomes[i]));
  return all;
}

/// [ratio][distance - 1]
ordered_json table(const double (&sums)[4][Neighbours::reach], double rows) {
  ordered_json all = ordered_json::array();
  for (const auto& ratio : sums) {
    ordered_json line = ordered_json::array();
    for (double sum : ratio) line.push_back(number(sum / rows));
    all.push_back(line);
  }
  return all;
}

ordered_json neighbours(const Neighbours& n) {
  ordered_json all;
  constexpr const char *sizes[] = {"weights", "raw_scores"}, *keys[] = {"without_sinks", "all_keys"};
  for (int size = 0; size < 2; ++size)
    for (int k = 0; k < 2; ++k) {
      const Neighbours::Sums& s = n.of[size][k];
      all[sizes[size]][keys[k]] = {
          {"rows", s.rows}, {"found", table(s.found, s.rows)}, {"by_chance", table(s.by_chance, s.rows)}};
    }
  return all;
}

ordered_json smoothness(const Smoothness& s) {
  ordered_json misses = ordered_json::array();
  for (std::size_t i = 0; i < s.strides.size(); ++i)
    misses.push_back({{"stride", s.strides[i]},
                      {"mean", number(demo::mean(s.missed[i]))},
                      {"p99", number(demo::value_at(s.missed[i], 0.99))},
                      {"bound_mean", number(demo::mean(s.bounds(i)))}});
  return {{"step_median", number(demo::mean(s.median))},
          {"step_p95", number(demo::mean(s.p95))},
          {"step_largest", number(demo::value_at(s.steepest, 1))},
          {"missed", misses}};
}

ordered_json layers(const std::vector<LayerStudy>& all, const std::vector<Contender>& contenders) {
  ordered_json list = ordered_json::array();
  for (const LayerStudy& layer : all)
    list.push_back({{"layer", layer.number},
                    {"methods", outcomes(layer, contenders)},
                    {"neighbours", neighbours(layer.neighbours)},
                    {"smoothness", smoothness(layer.smoothness)}});
  return list;
}

ordered_json walks(const Report& r) {
  ordered_json list = layers(r.walk_layers, r.contenders);
  for (std::size_t i = 0; i < r.walks.roughness.size(); ++i) list[i]["roughness"] = r.walks.roughness[i];
  return list;
}

ordered_json race(const std::vector<Runner>& runners) {
  ordered_json list = ordered_json::array();
  for (const Runner& r : runners)
    list.push_back({{"name", r.name},
                    {"rescales_per_row", r.rescales / r.rows},
                    {"seconds", r.seconds},
                    {"bytes", r.share},
                    {"error_mean", number(r.error)}});
  return list;
}

}  // namespace

std::string numbers(const Report& r) {
  const demo::Trace& t = r.trace;
  const ordered_json all{{"format", "crest-frontier-1"},
                         {"trace",
                          {{"name", t.name},
                           {"keys", t.keys},
                           {"heads", t.heads},
                           {"kv_heads", t.kv_heads},
                           {"head_dim", t.head_dim},
                           {"value_dim", t.value_dim},
                           {"positions", t.positions}}},
                         {"all",
                          {{"methods", outcomes(r.all, r.contenders)},
                           {"neighbours", neighbours(r.all.neighbours)},
                           {"smoothness", smoothness(r.all.smoothness)}}},
                         {"layers", layers(r.layers, r.contenders)},
                         {"softmax", race(r.runners)},
                         {"suggestion",
                          {{"target", r.suggestion.target},
                           {"share", r.suggestion.share},
                           {"error", number(r.suggestion.error)},
                           {"errors", r.suggestion.errors},
                           {"budgets", ordered_json::parse(r.suggestion.budgets.json())}}},
                         {"walks", walks(r)}};
  return all.dump(1) + "\n";
}

}  // namespace frontier
