#include <algorithm>

#include "../common/frame.hpp"
#include "figures.hpp"
#include "looks.hpp"

namespace frontier {
namespace {

using demo::Frame;
using demo::Point;
using demo::Svg;

/// A family on a layer: bytes and errors of its settings.
struct Series {
  std::size_t family;
  std::vector<Point> at;
};

std::vector<Series> series_of(const LayerStudy& layer, const Report& report) {
  const std::vector<std::string> families = report.families();
  std::vector<Series> all;
  for (std::size_t i = 0; i < report.contenders.size(); ++i) {
    const Outcome& o = layer.outcomes[i];
    const std::size_t family =
        std::find(families.begin(), families.end(), report.contenders[i].label.family) - families.begin();
    if (o.exact()) continue;
    if (all.empty() || all.back().family != family) all.push_back({family, {}});
    all.back().at.push_back({o.share(), o.error()});
  }
  return all;
}

void draw_series(Svg& svg, const Frame& frame, const std::vector<Series>& all) {
  for (std::size_t i = all.size(); i-- > 0;) {
    const Look look{all[i].family};
    std::vector<Point> at;
    for (Point p : all[i].at) at.push_back(frame.on_edge(p));
    svg.polyline(at, look.css("series"));
    for (Point p : at) look.draw(svg, p);
  }
}

void add_points(demo::Panels& panels, const std::vector<Series>& all) {
  for (const Series& s : all)
    for (Point p : s.at) {
      panels.x.add(p.x);
      panels.y.add(p.y);
    }
}

}  // namespace

void draw_legend(Svg& svg, Point at, const std::vector<std::string>& families, const std::vector<std::size_t>& shown) {
  for (std::size_t family : shown) {
    Look{family}.draw(svg, at);
    svg.text({at.x + 14, at.y + 4}, families[family], "label");
    at.y += 23;
  }
}

std::string frontier_figure(const Report& report) {
  constexpr double legend = 230, height = 480;
  const std::vector<Series> all = series_of(report.all, report);
  demo::Panels data;
  add_points(data, all);
  Svg svg(demo::figure_width, height, "Mean error against bytes read, all layers");
  const Frame frame{data.x.logarithmic(1.15, 70, demo::figure_width - legend),
                    data.y.logarithmic(1.3, height - 50, 30)};
  frame.draw_x(svg, demo::percent_label, "bytes read, of dense");
  frame.draw_y(svg, demo::percent_label);
  svg.text({frame.x.from, 18}, "mean relative error, all layers", "axis");
  draw_series(svg, frame, all);
  std::vector<std::size_t> shown;
  for (const Series& s : all) shown.push_back(s.family);
  draw_legend(svg, {demo::figure_width - legend + 24, 44}, report.families(), shown);
  return svg.str();
}

std::string layers_figure(const Report& report) {
  demo::Panels panels{.count = report.layers.size(), .height = 290};
  for (const LayerStudy& layer : report.layers) add_points(panels, series_of(layer, report));
  Svg svg(demo::figure_width, panels.total_height(), "Mean error against bytes read, layer by layer");
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    const Frame frame = panels.frame(i);
    frame.draw_x(svg, demo::percent_label, "bytes read, of dense");
    frame.draw_y(svg, demo::percent_label);
    svg.text({frame.x.from, frame.y.to - 10}, "layer " + std::to_string(report.layers[i].number) + ", mean error",
             "axis");
    draw_series(svg, frame, series_of(report.layers[i], report));
  }
  return svg.str();
}

}  // namespace frontier
