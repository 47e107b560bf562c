#include <algorithm>

#include "../common/format.hpp"
#include "../common/frame.hpp"
#include "figures.hpp"
#include "looks.hpp"

namespace frontier {
namespace {

using demo::Frame;
using demo::Point;
using demo::Svg;

constexpr double height = 480, legend = 230;

std::string nats(double x) { return demo::fixed(x, x >= 0.995 ? 0 : x >= 0.0995 ? 1 : 2); }

/// Families at the walks of every roughness, where a setting stays within the bytes.
std::vector<std::vector<Point>> curves_of(const Report& report, double most_bytes) {
  std::vector<std::vector<Point>> curves;
  for (const FamilyBest& family : best_within(report.walk_layers, report.contenders, most_bytes)) {
    curves.emplace_back();
    for (std::size_t i = 0; i < family.at.size(); ++i)
      if (family.at[i])
        curves.back().push_back({demo::mean(report.walk_layers[i].smoothness.median), family.at[i]->error});
  }
  return curves;
}

/// Where the layers of the trace stand on the same axis, and the error that is asked for.
void draw_marks(Svg& svg, const Frame& frame, const Report& report) {
  for (const LayerStudy& layer : report.layers) {
    const double x = demo::mean(layer.smoothness.median);
    if (!(x > frame.x.lo && x < frame.x.hi)) continue;
    svg.line({frame.x(x), frame.y.from}, {frame.x(x), frame.y.from - 14}, "place");
  }
  if (frame.y.lo < 0.02 && frame.y.hi > 0.02) svg.line(frame(frame.x.lo, 0.02), frame(frame.x.hi, 0.02), "factor");
}

}  // namespace

std::string walks_figure(const Report& report, double most_bytes) {
  const std::vector<std::vector<Point>> curves = curves_of(report, most_bytes);
  demo::Panels data;
  std::vector<std::size_t> shown;
  for (std::size_t family = 0; family < curves.size(); ++family) {
    for (Point p : curves[family]) data.x.add(p.x), data.y.add(std::max(p.y, 1e-4));
    if (!curves[family].empty()) shown.push_back(family);
  }
  for (const LayerStudy& layer : report.layers) data.x.add(demo::mean(layer.smoothness.median));
  const Frame frame{data.x.logarithmic(1.15, 70, demo::figure_width - legend),
                    data.y.logarithmic(1.3, height - 50, 30)};
  Svg svg(demo::figure_width, height, "Error against the roughness of the keys");
  frame.draw_x(svg, nats, "median step of the scores, nats per key");
  frame.draw_y(svg, demo::percent_label);
  svg.text({frame.x.from, 18}, "smallest mean error within " + demo::percent_label(most_bytes) + " of the bytes",
           "axis");
  draw_marks(svg, frame, report);
  for (std::size_t family : shown) {
    std::vector<Point> at;
    for (Point p : curves[family]) at.push_back(frame.on_edge(p));
    svg.polyline(at, Look{family}.css("series"));
    for (Point p : at) Look{family}.draw(svg, p);
  }
  draw_legend(svg, {demo::figure_width - legend + 24, 44}, report.families(), shown);
  return svg.str();
}

}  // namespace frontier
