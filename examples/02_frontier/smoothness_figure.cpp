#include <algorithm>
#include <cmath>

#include "../common/format.hpp"
#include "../common/frame.hpp"
#include "figures.hpp"

namespace frontier {
namespace {

using demo::Frame;
using demo::Point;
using demo::Svg;

constexpr double height = 380;

/// A line of points, and how it looks.
struct Curve {
  const char* name;
  const char* colour;
  std::vector<Point> at;
};

std::string nats(double x) { return demo::fixed(x, x >= 9.95 ? 0 : x >= 0.0995 ? 1 : x >= 0.00995 ? 2 : 3); }
std::string whole(double x) { return demo::fixed(x, 0); }

demo::Range range_of(const std::vector<Curve>& curves) {
  demo::Range range;
  for (const Curve& curve : curves)
    for (Point p : curve.at) range.add(p.y);
  return range;
}

void draw_curves(Svg& svg, const Frame& frame, const std::vector<Curve>& curves) {
  double x = frame.x.from;
  for (const Curve& curve : curves) {
    std::vector<Point> at;
    for (Point p : curve.at) at.push_back(frame.on_edge(p));
    svg.polyline(at, std::string("series ") + curve.colour);
    for (Point p : at) svg.mark(p, demo::marks::disc, std::string("mark ") + curve.colour);
    svg.mark({x + 6, 34}, demo::marks::disc, std::string("mark ") + curve.colour);
    svg.text({x + 17, 38}, curve.name, "label");
    x += 40 + 7.2 * static_cast<double>(std::string_view(curve.name).size());
  }
}

std::vector<Curve> steps_of(const std::vector<LayerStudy>& layers) {
  std::vector<Curve> curves{{"median", "c1", {}}, {"95th percentile", "c2", {}}, {"largest", "c4", {}}};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Smoothness& s = layers[i].smoothness;
    const auto x = static_cast<double>(i);
    curves[0].at.push_back({x, demo::mean(s.median)});
    curves[1].at.push_back({x, demo::mean(s.p95)});
    curves[2].at.push_back({x, *std::max_element(s.steepest.begin(), s.steepest.end())});
  }
  return curves;
}

std::vector<Curve> misses_of(const Smoothness& s) {
  std::vector<Curve> curves{{"missed, mean", "c1", {}}, {"99th percentile", "c2", {}}, {"bound, mean", "c4", {}}};
  for (std::size_t i = 0; i < s.strides.size(); ++i) {
    const auto x = static_cast<double>(s.strides[i]);
    curves[0].at.push_back({x, demo::mean(s.missed[i])});
    curves[1].at.push_back({x, demo::value_at(s.missed[i], 0.99)});
    curves[2].at.push_back({x, demo::mean(s.bounds(i))});
  }
  return curves;
}

/// By layer: places on a line rather than numbers.
void draw_steps(Svg& svg, const std::vector<LayerStudy>& layers) {
  const std::vector<Curve> curves = steps_of(layers);
  const auto last = static_cast<double>(layers.size() - 1);
  const Frame frame{{-0.5, last + 0.5, 62, 520}, range_of(curves).logarithmic(1.4, height - 48, 56)};
  frame.draw_y(svg, nats);
  const std::size_t every = (layers.size() + 14) / 15;
  for (std::size_t i = 0; i < layers.size(); i += every)
    svg.text({frame.x(static_cast<double>(i)), frame.y.from + 18}, std::to_string(layers[i].number), "tick",
             demo::Anchor::middle);
  svg.text({(frame.x.from + frame.x.to) / 2, frame.y.from + 38}, "layer", "axis", demo::Anchor::middle);
  svg.text({frame.x.from, 14}, "steps from key to key, nats", "axis");
  draw_curves(svg, frame, curves);
}

void draw_misses(Svg& svg, const Smoothness& all) {
  const std::vector<Curve> curves = misses_of(all);
  const auto widest = static_cast<double>(all.strides.back());
  const Frame frame{{1.7, widest * 1.2, 640, 1098, true}, range_of(curves).logarithmic(1.4, height - 48, 56)};
  frame.draw_y(svg, nats);
  for (Index stride : all.strides)
    svg.text({frame.x(static_cast<double>(stride)), frame.y.from + 18}, whole(static_cast<double>(stride)), "tick",
             demo::Anchor::middle);
  svg.text({(frame.x.from + frame.x.to) / 2, frame.y.from + 38}, "stride", "axis", demo::Anchor::middle);
  svg.text({frame.x.from, 14}, "maximum above the best sample, nats, all layers", "axis");
  draw_curves(svg, frame, curves);
}

}  // namespace

std::string smoothness_figure(const Report& report) {
  if (report.all.smoothness.median.empty()) return {};
  Svg svg(demo::figure_width, height, "Steps along the keys and what samples miss");
  draw_steps(svg, report.layers);
  draw_misses(svg, report.all.smoothness);
  return svg.str();
}

std::string budgets_figure(const Report& report) {
  const std::vector<demo::LayerBudget>& layers = report.suggestion.budgets.layers;
  double most = 0;
  for (const demo::LayerBudget& b : layers) most = std::max(most, b.exact ? 0 : b.budget);
  if (!(most > 0)) most = 0.5;
  constexpr double bottom = 250, top = 40;
  const Frame frame{{-0.5, static_cast<double>(layers.size()) - 0.5, 62, 1098}, {0, most * 1.25, bottom, top}};
  Svg svg(demo::figure_width, 300, "Suggested budget of each layer");
  frame.draw_y(svg, demo::percent_label, 4);
  svg.text({frame.x.from, 18}, "budget of guided, of the dense bytes", "axis");
  const double slot = (frame.x.to - frame.x.from) / static_cast<double>(layers.size()),
               width = std::min(60.0, slot - 3);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double middle = frame.x(static_cast<double>(i)), y = layers[i].exact ? top : frame.y(layers[i].budget);
    svg.rect({middle - width / 2, y}, {width, bottom - y}, layers[i].exact ? "bar exact" : "bar");
    svg.text({middle, bottom + 17}, std::to_string(layers[i].layer), "tick", demo::Anchor::middle);
    if (width >= 30)
      svg.text({middle, y - 6}, layers[i].exact ? "exact" : demo::percent_label(layers[i].budget), "label",
               demo::Anchor::middle);
  }
  svg.text({(frame.x.from + frame.x.to) / 2, bottom + 40}, "layer", "axis", demo::Anchor::middle);
  return svg.str();
}

}  // namespace frontier
