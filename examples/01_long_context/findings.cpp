#include "findings.hpp"

#include <algorithm>
#include <sstream>

#include "../common/format.hpp"
#include "table.hpp"

namespace demo {
namespace {

using Layers = std::vector<LayerResult>;

/// Smallest and largest of some numbers.
struct Span {
  double lo = 1e300, hi = -1e300;

  void add(double x) { lo = std::min(lo, x), hi = std::max(hi, x); }
  bool empty() const { return lo > hi; }
  /// "4.7 to 6.1 %", "10.6 %"
  std::string percents() const {
    const std::string least = percent(lo), most = percent(hi);
    return least == most ? most : least.substr(0, least.find(' ')) + " to " + most;
  }
  /// "1.2 to 3.4"
  std::string numbers(int digits) const {
    const std::string least = fixed(lo, digits), most = fixed(hi, digits);
    return least == most ? most : least + " to " + most;
  }
};

template <class F>
Span over(const Layers& layers, F&& value) {
  Span span;
  for (const LayerResult& layer : layers) span.add(value(layer));
  return span;
}

const Measured& portrayed(const LayerResult& layer) { return layer.find(layer.portrayed); }

/// True by predicted error of all rows of all recipes that predict.
std::vector<double> all_ratios(const Layers& layers) {
  std::vector<double> all;
  for (const LayerResult& layer : layers)
    for (const Measured& row : layer.rows) {
      const std::vector<double> ratios = row.true_by_predicted();
      all.insert(all.end(), ratios.begin(), ratios.end());
    }
  return all;
}

/// Mean error of a contender by that of guided, at every budget they share on every layer, unless guided read
/// everything.
Span by_guided(const Layers& layers, std::size_t contender) {
  Span span;
  for (const LayerResult& layer : layers) {
    const auto& all = layer.contest.contenders;
    for (std::size_t i = 0; i < layer.contest.budgets.size(); ++i)
      if (all[contender].at[i] && all[0].at[i]->share() < 1)
        span.add(all[contender].at[i]->error_mean() / all[0].at[i]->error_mean());
  }
  return span;
}

}  // namespace

std::string findings_exact(const Layers& layers) {
  const auto error = [](const LayerResult& l) { return l.find("exact").outcome.error_p95(); };
  const auto speed = [](const LayerResult& l) { return l.rows.front().seconds / l.find("exact").seconds; };
  const auto share = [](const LayerResult& l) { return dense_share(l, l.find("exact")); };
  return "<b>exact</b> reads every key and value once and is right to " + relative_error(over(layers, error).hi) +
         ". It is " + over(layers, speed).numbers(1) + " times as fast as the textbook loop, at " +
         over(layers, share).percents() + " of the speed at which memory can be read at all.";
}

std::string findings_clustered(const Layers& layers) {
  const auto of = [&](double LeftOut::*number) {
    return over(layers, [=](const LayerResult& layer) { return *portrayed(layer).left_out.*number; });
  };
  const auto share = [](const LayerResult& l) { return portrayed(l).outcome.share(); };
  const auto error = [](const LayerResult& l) { return portrayed(l).outcome.error_mean(); };
  std::ostringstream s;
  s << "<b>" << escape(layers[0].portrayed) << "</b> reads " << over(layers, share).percents()
    << " of the bytes and has scored the heaviest key in " << of(&LeftOut::peak_found).percents()
    << " of the rows. It leaves out " << of(&LeftOut::missed).percents()
    << " of the softmax mass (its own estimate: " << of(&LeftOut::estimated).percents()
    << "), and its output is off by " << over(layers, error).percents() << " in the mean. "
    << (of(&LeftOut::missed).hi < 0.05
            ? "The mass of these heads lies where the samples and the windows look."
            : "It finds the maximum more often than it keeps the mass: scores that are not smooth along the keys leave "
              "mass between the samples, and no window around the best of them brings it back.");
  return s.str();
}

std::string findings_guided(const Layers& layers) {
  const std::string name = "guided 0.15";
  const auto share = [&](const LayerResult& l) { return l.find(name).outcome.share(); };
  const auto error = [&](const LayerResult& l) { return l.find(name).outcome.error_mean(); };
  const auto exact = [&](const LayerResult& l) { return l.find(name).foretold->fallbacks; };
  const auto time = [&](const LayerResult& l) { return l.find(name).seconds / l.find("exact").seconds; };
  if (over(layers, exact).lo == 1)
    return "<b>" + name + "</b> did every row exactly: it had fewer than 1024 keys or could not vouch for less.";
  std::ostringstream s;
  s << "<b>" << name << "</b> estimates every key from a few bits, draws the keys that matter, and reads "
    << over(layers, share).percents() << " of the bytes, with " << over(layers, exact).percents()
    << " of the rows done exactly. It is off by " << over(layers, error).percents() << " in the mean, and takes "
    << over(layers, time).numbers(2) << " times as long as exact. "
    << (over(layers, time).hi < 0.75
            ? "Most of the bytes it saves are time saved."
            : "At this length and size of heads, time does not go into bytes alone: what it saves in reading, it pays "
              "for in arithmetic.");
  return s.str();
}

std::string about_contest(const Layers& layers) {
  const auto memory = [&](double Contest::*share) {
    return over(layers, [=](const LayerResult& l) { return l.contest.*share; }).percents();
  };
  return "Further left is cheaper, further down is better; exact would be far below, at 100 %. The others get the "
         "bytes "
         "that guided read at each position, and where guided read everything, so do they. <b>Top keys of the "
         "sketch</b>: "
         "the largest estimates of guided's own sketch, 8-bit rows, no weights. <b>Of an oracle</b>: the truly "
         "heaviest "
         "keys, as if finding them cost nothing. <b>Blocks of 16</b>: the smallest and the largest element of each "
         "dimension bound the scores of a block; these bounds are read for all blocks. <b>q4_0, q8_0</b>: every key "
         "and "
         "value in blocks of 32 numbers of 4 or 8 bits and a scale. Guided pays in memory: its sketch adds " +
         memory(&Contest::codes_memory) + " to the cache, and " + memory(&Contest::rows_memory) +
         " with the 8-bit rows, which <b>guided, f16 rows</b> does without.";
}

std::string findings_contest(const Layers& layers) {
  const auto& all = layers[0].contest.contenders;
  Span rivals;
  std::string listed;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const Span span = by_guided(layers, i);
    if (span.empty()) continue;
    listed += (listed.empty() ? "" : ", ") + escape(all[i].name) + " " + span.numbers(1);
    if (all[i].rival) rivals.add(span.lo), rivals.add(span.hi);
  }
  if (rivals.empty()) return "All rows were done exactly: there is nothing to compare.";
  return "Mean errors as multiples of guided's at the same bytes, over all layers and budgets: " + listed +
         (rivals.lo > 1 ? ". No method that can be had comes as close in the mean at any of these budgets."
                        : ". Where that is below 1, guided is the worse choice.");
}

std::string findings_predictions(const Layers& layers) {
  const std::vector<double> ratios = all_ratios(layers);
  if (ratios.empty()) return "All rows were done exactly: nothing was predicted.";
  const auto share = [&](auto&& fits) {
    return percent(static_cast<double>(std::count_if(ratios.begin(), ratios.end(), fits)) /
                   static_cast<double>(ratios.size()));
  };
  std::ostringstream s;
  s << "guided tells how far off each row may be. Of the " << ratios.size()
    << " rows that its recipes in the tables did not do exactly, the true error is "
    << fixed(ratios[row_at(ratios, 0.5)], 2) << " of the predicted one in the median; "
    << share([](double r) { return r >= 0.5 && r <= 2; }) << " agree within a factor of two, "
    << share([](double r) { return r > 2; }) << " are off by more than twice what they were told.";
  return s.str();
}

}  // namespace demo
