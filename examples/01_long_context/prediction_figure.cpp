#include <algorithm>

#include "../common/frame.hpp"
#include "figures.hpp"

namespace demo {
namespace {

/// How a family of recipes looks, in the order in which they first stand in the table.
constexpr const char* dots[] = {"d-guided", "d-halves", "d-target"};

/// Families of recipes that tell their errors.
std::vector<std::string> families(const LayerResult& layer) {
  std::vector<std::string> all;
  for (const Measured& row : layer.rows)
    if (row.foretold && std::find(all.begin(), all.end(), row.label.family) == all.end())
      all.push_back(row.label.family);
  return all;
}

/// Predicted and true error of the rows of a family that were not done exactly.
std::vector<Point> pairs(const LayerResult& layer, const std::string& family) {
  std::vector<Point> all;
  for (const Measured& row : layer.rows)
    for (std::size_t i = 0; row.foretold && row.label.family == family && i < row.foretold->errors.size(); ++i)
      if (row.foretold->errors[i] > 0) all.push_back({row.foretold->errors[i], row.outcome.errors[i]});
  return all;
}

/// Both axes alike, or the diagonal would not be one; wide enough for 99 of 100 predictions and twice and half of them.
Panels panels_of(const std::vector<LayerResult>& layers) {
  std::vector<double> predicted;
  for (const LayerResult& layer : layers)
    for (const std::string& family : families(layer))
      for (Point p : pairs(layer, family)) predicted.push_back(p.x);
  Panels panels{.count = layers.size(), .height = 360, .top = 40};
  if (predicted.empty()) return panels;
  panels.x.add(predicted[row_at(predicted, 0.005)] / 2);
  panels.x.add(predicted[row_at(predicted, 0.995)] * 2);
  panels.y = panels.x;
  return panels;
}

/// Where pairs stand in a frame; those outside of it, on its edge.
std::vector<Point> placed(const Frame& frame, std::vector<Point> pairs) {
  for (Point& p : pairs) p = frame.on_edge(p);
  return pairs;
}

void draw_legend(Svg& svg, const std::vector<std::string>& names) {
  double x = 10;
  for (std::size_t i = 0; i < names.size(); ++i, x += 170) {
    const Point dot{x, 12};
    svg.dots({&dot, 1}, std::string("legend-dot ") + dots[i % std::size(dots)]);
    svg.text({x + 14, 16}, names[i], "label");
  }
  svg.text({x + 14, 16}, "solid: as predicted; dashed: twice and half of that; on the edge: beyond it", "tick");
}

}  // namespace

std::string prediction_figure(const std::vector<LayerResult>& layers) {
  const Panels panels = panels_of(layers);
  if (panels.x.empty) return {};
  Svg svg(figure_width, panels.total_height(), "True error against predicted error");
  const std::vector<std::string> names = families(layers[0]);
  draw_legend(svg, names);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Frame frame = panels.frame(i);
    frame.draw_x(svg, percent_label, "predicted error");
    frame.draw_y(svg, percent_label);
    svg.text({frame.x.from, frame.y.to - 10}, "layer " + std::to_string(layers[i].number) + ", true error", "axis");
    for (std::size_t n = 0; n < names.size(); ++n)
      svg.dots(placed(frame, pairs(layers[i], names[n])), dots[n % std::size(dots)]);
    frame.draw_line(svg, 1, "diagonal");
    for (double factor : {0.5, 2.0}) frame.draw_line(svg, factor, "factor");
  }
  return svg.str();
}

}  // namespace demo
