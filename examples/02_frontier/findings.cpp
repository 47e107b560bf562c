#include "findings.hpp"

#include <algorithm>

#include "../common/format.hpp"

namespace frontier {
namespace {

using demo::fixed;
using demo::percent;

std::string layer_name(const LayerStudy& layer) { return "layer " + std::to_string(layer.number); }

/// Settings of the families that stay within the fair share, by rising error.
std::vector<Best> ranking(const LayerStudy& layer, const Report& report) {
  std::vector<Best> all;
  for (const FamilyBest& family : best_within({layer}, report.contenders, fair_share))
    if (family.at[0]) all.push_back(*family.at[0]);
  std::sort(all.begin(), all.end(), [](const Best& a, const Best& b) { return a.error < b.error; });
  return all;
}

std::string told(const Report& report, const Best& best) {
  return report.contenders[best.contender].label.text() + " (" + percent(best.error) + " at " + percent(best.share) +
         " of the bytes)";
}

/// The layers with the smallest and the largest value.
template <class F>
std::pair<const LayerStudy*, const LayerStudy*> extremes(const Report& report, F&& value) {
  const auto less = [&](const LayerStudy& a, const LayerStudy& b) { return value(a) < value(b); };
  const auto [least, most] = std::minmax_element(report.layers.begin(), report.layers.end(), less);
  return {&*least, &*most};
}

double share_beyond(const std::vector<double>& ratios, double factor) {
  const auto beyond = std::count_if(ratios.begin(), ratios.end(), [&](double r) { return r > factor; });
  return static_cast<double>(beyond) / static_cast<double>(ratios.size());
}

}  // namespace

std::string about_trace(const Report& report) {
  const demo::Trace& t = report.trace;
  return (t.model.empty() ? t.name : t.model + ", " + t.name) + ": " + std::to_string(t.keys) + " keys, " +
         std::to_string(t.layers.size()) + (t.layers.size() == 1 ? " layer, " : " layers, ") + std::to_string(t.heads) +
         " query heads on " + std::to_string(t.kv_heads) + " KV heads, head dimension " + std::to_string(t.head_dim) +
         "; decode steps at " + std::to_string(t.queries()) +
         " positions. Errors are |o - exact| / |exact| of a row's output, against a softmax in double over all keys; "
         "bytes are those that kernels load, as a share of reading every key and value once.";
}

std::string frontier_finding(const Report& report) {
  const std::string how = "Each line is a method, each mark a setting of it; lower and further left is better. ";
  const std::vector<Best> all = ranking(report.all, report);
  if (all.empty()) return how + "No method stays within " + percent(fair_share) + " of the bytes.";
  std::string s = how + "Within " + percent(fair_share) + " of the bytes the closest is " + told(report, all[0]);
  if (all.size() > 2) s += ", then " + told(report, all[1]);
  return all.size() > 1 ? s + "; the farthest off is " + told(report, all.back()) + "." : s + ".";
}

std::string layers_finding(const Report& report) {
  std::vector<std::size_t> wins(report.contenders.size());
  std::size_t compared = 0;
  for (const LayerStudy& layer : report.layers) {
    const std::vector<Best> all = ranking(layer, report);
    if (all.empty()) continue;
    ++compared;
    ++wins[report.index(report.contenders[all[0].contender].label.text())];
  }
  const std::string how = "The same on every layer, with the same axes. ";
  if (compared == 0) return how;
  const std::size_t winner = std::max_element(wins.begin(), wins.end()) - wins.begin();
  return how + "Within " + percent(fair_share) + " of the bytes " + report.contenders[winner].label.text() +
         " is the closest on " + std::to_string(wins[winner]) + " of " + std::to_string(compared) + " layers.";
}

std::string calibration_finding(const Report& report) {
  std::string s =
      "Each dot is a row that was not done exactly; on the solid line it is as far off as predicted, above the upper "
      "dashed one more than twice as far.";
  for (const std::string& family : report.families()) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < report.contenders.size(); ++i)
      if (report.contenders[i].label.family == family)
        for (double r : report.all.outcomes[i].true_by_predicted()) ratios.push_back(r);
    if (!ratios.empty())
      s += " " + family + ": true / predicted " + fixed(demo::value_at(ratios, 0.5), 2) + " in the median, " +
           percent(share_beyond(ratios, 2)) + " of rows beyond twice.";
  }
  return s;
}

std::string neighbours_finding(const Report& report, Neighbours::Size size) {
  const auto share = [&](const LayerStudy& layer) { return layer.neighbours.of[size][0].share(1, 4); };
  const Neighbours::Sums& all = report.all.neighbours.of[size][Neighbours::without_sinks];
  if (!(all.rows > 0)) return "No row sees two keys behind the sinks.";
  const auto [least, most] = extremes(report, share);
  const std::string what = size == Neighbours::weights ? "softmax weight" : "raw score";
  return "If maxima came in clusters, the first and third bands would be dark. Sinks left out, " +
         percent(all.share(1, 4)) + " of rows have a neighbour within 4 keys with at least 0.9 of the maximum's " +
         what + ", against " + percent(all.chance(1, 4)) + " by chance; from " + percent(share(*least)) + " on " +
         layer_name(*least) + " to " + percent(share(*most)) + " on " + layer_name(*most) + "." +
         (size == Neighbours::raw_scores ? " Ratios of raw scores flatter: a softmax sees differences." : "");
}

std::string smoothness_finding(const Report& report) {
  const Smoothness& s = report.all.smoothness;
  if (s.median.empty()) return "No row sees two keys.";
  const std::size_t stride = 3;
  const double missed = demo::mean(s.missed[stride]), bound = demo::mean(s.bounds(stride));
  return "From one key to the next scores move by " + fixed(demo::mean(s.median), 2) + " nats in the median, " +
         fixed(demo::mean(s.p95), 1) + " at the 95th percentile and " +
         fixed(*std::max_element(s.steepest.begin(), s.steepest.end()), 1) + " at most. With stride " +
         std::to_string(s.strides[stride]) + " the maximum stands " + fixed(missed, 2) +
         " nats above the best sample in the mean (" + fixed(demo::value_at(s.missed[stride], 0.99), 1) +
         " at the 99th percentile); the bound, the row's steepest step times the stride, says " + fixed(bound, 0) +
         (bound > 20 * missed ? ": true, and of no use." : ".");
}

std::string mass_finding(const Report& report) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < report.contenders.size(); ++i) {
    const Outcome& o = report.all.outcomes[i];
    if (!o.kept || o.share() > fair_share) continue;
    if (best == 0 || o.mass_kept() > report.all.outcomes[best].mass_kept()) best = i;
  }
  const std::string how = "Per cent of the softmax mass that lies on the keys used, mean over the rows. ";
  if (best == 0) return how;
  const auto kept = [&](const LayerStudy& layer) { return layer.outcomes[best].mass_kept(); };
  const auto [least, most] = extremes(report, kept);
  return how + "Within " + percent(fair_share) + " of the bytes " + report.contenders[best].label.text() +
         " keeps most: " + percent(kept(report.all)) + ", from " + percent(kept(*least)) + " on " + layer_name(*least) +
         " to " + percent(kept(*most)) + " on " + layer_name(*most) +
         ". guided is not listed: it draws keys and weighs them up, so that what it leaves out is not lost.";
}

std::string race_finding(const Report& report) {
  const auto [fewest, most] =
      std::minmax_element(report.runners.begin(), report.runners.end(),
                          [](const Runner& a, const Runner& b) { return a.rescales < b.rescales; });
  const auto per_row = [](const Runner& r) { return fixed(r.rescales / r.rows, 2); };
  return "How often the reference of the softmax moves, and what it costs, on one thread: " + most->name +
         " moves it " + per_row(*most) + " times a row, " + fewest->name + " " + per_row(*fewest) +
         " times. Times are the smallest of five, without sketches, the cache close to the core.";
}

std::string budgets_finding(const Report& report) {
  const Suggestion& s = report.suggestion;
  const std::string target = percent(s.target);
  std::string text = "For every layer the cheapest budget of those tried whose mean error stays below " + target +
                     "; exact where none does (" + std::to_string(s.exact()) + " of " +
                     std::to_string(report.layers.size()) + " layers). Together they read " + percent(s.share) +
                     " of the bytes with a mean error of " + demo::relative_error(s.error) + "; ";
  if (!s.uniform) return text + "no single budget keeps all layers below " + target + ".";
  const Outcome& one = report.all.outcomes[report.index(s.uniform->label.text())];
  return text + "the one budget that keeps all layers below it, " + fixed(s.uniform->budget, 2) + ", reads " +
         percent(one.share()) + ".";
}

std::string walks_finding(const Report& report) {
  if (report.walk_layers.empty()) return {};
  std::string s =
      "Keys that move slowly on a sphere, as sampled signals would; a point is the best setting of a method "
      "that reads at most 10 % of the bytes, ticks on the axis are the layers of the trace.";
  const std::vector<FamilyBest> all = best_within(report.walk_layers, report.contenders, 0.10);
  const auto clustered = std::find_if(all.begin(), all.end(), [](const auto& f) { return f.family == "clustered"; });
  double from = 0, to = 0;
  for (std::size_t i = 0; i < clustered->at.size(); ++i) {
    const bool close = clustered->at[i] && clustered->at[i]->error <= 0.02;
    if (!close && to > 0) break;
    if (!close) continue;
    to = demo::mean(report.walk_layers[i].smoothness.median);
    if (from == 0) from = to;
  }
  if (from == 0) return s + " clustered is nowhere within 2 %.";
  const double here = demo::mean(report.all.smoothness.median);
  return s + " clustered is within 2 % of the exact answer from " + fixed(from, 2) + " to " + fixed(to, 2) +
         " nats a key: on smoother keys plateaus outgrow its windows, on rougher ones its samples miss the peaks. The "
         "layers of the trace move by " +
         fixed(here, 2) + " in the mean.";
}

}  // namespace frontier
