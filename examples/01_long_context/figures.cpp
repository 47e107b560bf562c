#include "figures.hpp"

#include <algorithm>
#include <cmath>

#include "../common/format.hpp"
#include "../common/svg.hpp"

namespace demo {
namespace {

using crest::Index;

constexpr double width = 1120;

/// Marks around (0, 0), one per recipe, in the order of the table.
constexpr const char* marks[] = {"M-5 -5H5V5H-5Z",    "M0 -7L7 0L0 7L-7 0Z", "M-6 0A6 6 0 1 0 6 0A6 6 0 1 0 -6 0Z",
                                 "M0 -7L6.5 5H-6.5Z", "M-6.5 -5H6.5L0 7Z",   "M-6 -2H-2V-6H2V-2H6V2H2V6H-2V2H-6Z",
                                 "M-5 -7L6 0L-5 7Z",  "M5 -7L-6 0L5 7Z"};

std::string mark(Point at, std::size_t recipe, const std::string& colour) {
  return "<path class=\"mark\" transform=\"translate(" + pixels(at.x) + ' ' + pixels(at.y) + ")\" d=\"" +
         marks[recipe % std::size(marks)] + "\" style=\"fill:" + colour + ";stroke:" + colour + "\"/>\n";
}

/// "10⁻⁶", or per cent from a thousandth on.
std::string error_label(double error) {
  static constexpr const char* digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  if (error > 0.9e-3)
    return error >= 0.999 ? fixed(error * 100, 0) + " %" : fixed(error * 100, error < 9e-3 ? 1 : 0) + " %";
  std::string label = "10⁻";
  for (char c : std::to_string(std::lround(-std::log10(error)))) label += digits[c - '0'];
  return label;
}

std::string percent_label(double share) { return fixed(share * 100, share > 0 && share < 0.01 ? 1 : 0) + " %"; }

/// A frame of two axes with a grid.
struct Frame {
  Scale x, y;

  void draw_x(Svg& svg, std::string (*label)(double), std::string_view title) const {
    for (double tick : x.ticks()) {
      svg.line({x(tick), y.from}, {x(tick), y.to}, "grid");
      svg.text({x(tick), y.from + 18}, label(tick), "tick", Anchor::middle);
    }
    svg.text({(x.from + x.to) / 2, y.from + 38}, title, "axis", Anchor::middle);
  }
  void draw_y(Svg& svg, std::string (*label)(double), int count = 5) const {
    for (double tick : y.ticks(count)) {
      svg.line({x.from, y(tick)}, {x.to, y(tick)}, "grid");
      svg.text({x.from - 8, y(tick) + 4}, label(tick), "tick", Anchor::end);
    }
  }
};

/// Of the positive values added; 1..1 when there were none.
struct Range {
  double lo = 1, hi = 1;
  bool empty = true;
  void add(double v) {
    if (!(v > 0)) return;
    lo = empty ? v : std::min(lo, v);
    hi = empty ? v : std::max(hi, v);
    empty = false;
  }
};

Frame error_frame(const std::vector<LayerResult>& layers) {
  Range bytes, error;
  for (const LayerResult& layer : layers)
    for (const Measured& row : layer.rows) {
      bytes.add(row.bytes_read / row.bytes_dense);
      error.add(row.error_mean());
      error.add(row.error_p95());
    }
  return {{bytes.lo / 1.25, bytes.hi * 1.25, 70, width - 290, true},
          {std::pow(10, std::floor(std::log10(error.lo))), error.hi * 1.6, 400, 24, true}};
}

void draw_legend(Svg& svg, const std::vector<LayerResult>& layers) {
  const double left = width - 250;
  double y = 40;
  svg.text({left, y}, "recipe", "axis");
  for (std::size_t r = 0; r < layers[0].rows.size(); ++r) {
    svg.raw(mark({left + 8, y += 24}, r, "#8a92a3"));
    svg.text({left + 26, y + 4}, layers[0].rows[r].recipe, "label");
  }
  svg.text({left, y += 42}, "layer, early to late", "axis");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double x = left + 8 + 56 * static_cast<double>(i % 4);
    if (i % 4 == 0) y += 24;
    svg.raw(mark({x, y}, 2, layer_colour(i, layers.size())));
    svg.text({x + 14, y + 4}, std::to_string(layers[i].number), "label");
  }
  svg.text({left, y += 42}, "whisker: up to the 95th percentile", "tick");
}

/// Lowest and highest score in each column of pixels, as a band.
std::vector<Point> band(const Frame& frame, const std::vector<double>& depth) {
  constexpr double column = 2;
  std::vector<Point> upper, lower;
  const auto n = static_cast<double>(depth.size());
  const double columns = std::min(n, (frame.x(n) - frame.x.from) / column);
  for (double c = 0; c < columns; ++c) {
    const auto first = static_cast<std::size_t>(c * n / columns),
               last = static_cast<std::size_t>((c + 1) * n / columns);
    const auto [top, bottom] = std::minmax_element(depth.begin() + first, depth.begin() + std::max(last, first + 1));
    const double x = frame.x(static_cast<double>(first));
    upper.push_back({x, frame.y(*top)});
    lower.push_back({x, frame.y(std::min(*bottom, frame.y.hi))});
  }
  upper.insert(upper.end(), lower.rbegin(), lower.rend());
  return upper;
}

std::vector<Point> points(const Frame& frame, const Portrait& p, bool (*wanted)(const Notes&, std::size_t)) {
  std::vector<Point> at;
  for (std::size_t j = 0; j < p.depth.size(); ++j)
    if (wanted(p.notes, j)) at.push_back({frame.x(static_cast<double>(j)), frame.y(std::min(p.depth[j], frame.y.hi))});
  return at;
}

/// The keys with the most mass among those not kept, heaviest first.
std::vector<std::size_t> heaviest_missed(const Portrait& p) {
  constexpr std::size_t most = 12;
  constexpr double least = 0.005;
  std::vector<std::size_t> keys;
  for (std::size_t j = 0; j < p.weight.size(); ++j)
    if (!p.notes.kept[j] && p.weight[j] >= least) keys.push_back(j);
  std::sort(keys.begin(), keys.end(), [&](std::size_t a, std::size_t b) { return p.weight[a] > p.weight[b]; });
  keys.resize(std::min(keys.size(), most));
  return keys;
}

void draw_scores(Svg& svg, const Frame& frame, const Portrait& p) {
  frame.draw_y(svg, [](double nats) { return nats == 0 ? std::string("peak") : "−" + fixed(nats, 0); });
  svg.polygon(band(frame, p.depth), "band");
  svg.dots(points(frame, p, [](const Notes& n, std::size_t j) { return n.sampled[j] && !n.kept[j]; }), "sampled");
  svg.dots(points(frame, p, [](const Notes& n, std::size_t j) { return n.scored[j] && !n.sampled[j] && !n.kept[j]; }),
           "refined");
  svg.dots(points(frame, p, [](const Notes& n, std::size_t j) { return bool(n.kept[j]); }), "kept");
  for (std::size_t j : heaviest_missed(p))
    svg.circle({frame.x(static_cast<double>(j)), frame.y(p.depth[j])}, 4.5, "missed");
}

void draw_mass(Svg& svg, const Frame& frame, const Portrait& p) {
  frame.draw_x(
      svg, [](double key) { return fixed(key, 0); }, "key");
  frame.draw_y(svg, percent_label, 2);
  std::vector<Point> all, kept;
  double mass = 0, kept_mass = 0;
  for (std::size_t j = 0; j < p.weight.size(); ++j) {
    mass += p.weight[j];
    kept_mass += p.notes.kept[j] ? p.weight[j] : 0;
    const double x = frame.x(static_cast<double>(j));
    if (!all.empty() && x - all.back().x < 0.5 && j + 1 < p.weight.size()) continue;
    all.push_back({x, frame.y(mass)});
    kept.push_back({x, frame.y(kept_mass)});
  }
  svg.polyline(all, "mass");
  svg.polyline(kept, "mass-kept");
  svg.text({frame.x.to + 8, frame.y(kept_mass) + 4}, percent_label(kept_mass) + " kept", "kept-label");
}

}  // namespace

std::string layer_colour(std::size_t index, std::size_t layers) {
  const double t = layers > 1 ? static_cast<double>(index) / static_cast<double>(layers - 1) : 0.5;
  return "hsl(" + fixed(200 + 130 * t, 0) + "," + fixed(75 - 15 * t, 0) + "%," + fixed(52 - 14 * t, 0) + "%)";
}

std::string error_figure(const std::vector<LayerResult>& layers) {
  Svg svg(width, 450, "Mean relative error against bytes read");
  const Frame frame = error_frame(layers);
  frame.draw_x(svg, percent_label, "bytes read, as a share of reading every key and value once");
  frame.draw_y(svg, error_label);
  svg.text({frame.x.from, 14}, "relative error", "axis", Anchor::start);
  for (std::size_t i = 0; i < layers.size(); ++i)
    for (std::size_t r = 0; r < layers[i].rows.size(); ++r) {
      const Measured& row = layers[i].rows[r];
      const double x = frame.x(row.bytes_read / row.bytes_dense);
      const double mean = frame.y(std::max(row.error_mean(), frame.y.lo));
      svg.line({x, mean}, {x, frame.y(std::max(row.error_p95(), frame.y.lo))}, "whisker");
      svg.raw(mark({x, mean}, r, layer_colour(i, layers.size())));
    }
  draw_legend(svg, layers);
  return svg.str();
}

std::string portrait_figure(const LayerResult& layer, const Portrait& p) {
  const double deepest = std::clamp(*std::max_element(p.depth.begin(), p.depth.end()), 1.0, 40.0);
  const auto keys = static_cast<double>(std::max<std::size_t>(p.depth.size(), 2));
  const Scale x{0, keys, 62, width - 96};
  Svg svg(width, 330, "Scores along the keys, layer " + std::to_string(layer.number));
  svg.text({x.from, 12}, "score, nats", "axis");
  draw_scores(svg, {x, {0, deepest, 22, 205}}, p);
  svg.text({x.from, 228}, "softmax mass up to each key: of all keys (grey), of those kept (green)", "axis");
  draw_mass(svg, {x, {0, 1, 288, 238}}, p);
  return svg.str();
}

}  // namespace demo
