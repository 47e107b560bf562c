#include "../common/frame.hpp"
#include "../common/statistics.hpp"
#include "report.hpp"

namespace prompt {
namespace {

using demo::Frame;
using demo::Point;
using demo::Svg;

constexpr double height = 480, legend = 230;

Point point(const Outcome& o) { return {o.share(), demo::mean(o.errors)}; }

std::string css(const char* kind, std::size_t number) { return std::string(kind) + " m" + std::to_string(number); }

void draw_mark(Svg& svg, Point at, std::size_t number) {
  constexpr const char* outlines[] = {demo::marks::disc, demo::marks::square, demo::marks::up,  demo::marks::diamond,
                                      demo::marks::down, demo::marks::square, demo::marks::plus};
  svg.mark(at, outlines[number], css("mark", number));
}

void draw(Svg& svg, const Frame& frame, const Method& method, std::size_t number) {
  std::vector<Point> at;
  for (const Outcome& o : method.at) at.push_back(frame.on_edge(point(o)));
  svg.polyline(at, css(method.oracle ? "series oracle" : "series", number));
  for (Point p : at) draw_mark(svg, p, number);
}

void draw_name(Svg& svg, const Method& method, std::size_t number) {
  const Point at{demo::figure_width - legend + 24, 44 + 23.0 * static_cast<double>(number)};
  draw_mark(svg, at, number);
  svg.text({at.x + 14, at.y + 4}, method.name, "label");
}

Frame frame_of(const Study& study) {
  demo::Range x, y;
  for (const Method& m : study.methods)
    for (const Outcome& o : m.at) x.add(point(o).x), y.add(point(o).y);
  return {x.logarithmic(1.15, 70, demo::figure_width - legend), y.logarithmic(1.3, height - 50, 30)};
}

}  // namespace

std::string figure(const Study& study) {
  Svg svg(demo::figure_width, height, "Mean error against the share of keys used");
  const Frame frame = frame_of(study);
  frame.draw_x(svg, demo::percent_label, "keys used, of those visible");
  frame.draw_y(svg, demo::percent_label);
  svg.text({frame.x.from, 18}, "mean relative error", "axis");
  for (std::size_t i = study.methods.size(); i-- > 0;) draw(svg, frame, study.methods[i], i);
  for (std::size_t i = 0; i < study.methods.size(); ++i) draw_name(svg, study.methods[i], i);
  return svg.str();
}

}  // namespace prompt
