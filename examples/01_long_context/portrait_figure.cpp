#include <algorithm>

#include "../common/format.hpp"
#include "../common/frame.hpp"
#include "figures.hpp"

namespace demo {
namespace {

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

std::string portrait_figure(const LayerResult& layer, const Portrait& p) {
  const double deepest = std::clamp(*std::max_element(p.depth.begin(), p.depth.end()), 5.0, 40.0);
  const auto keys = static_cast<double>(std::max<std::size_t>(p.depth.size(), 10));
  const Scale x{0, keys, 62, figure_width - 96};
  Svg svg(figure_width, 330, "Scores along the keys, layer " + std::to_string(layer.number));
  svg.text({x.from, 12}, "score, nats", "axis");
  draw_scores(svg, {x, {0, deepest, 22, 205}}, p);
  svg.text({x.from, 228}, "softmax mass up to each key: of all keys (grey), of those kept (green)", "axis");
  draw_mass(svg, {x, {0, 1, 288, 238}}, p);
  return svg.str();
}

}  // namespace demo
