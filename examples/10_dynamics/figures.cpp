#include <algorithm>
#include <cmath>

#include "../common/format.hpp"
#include "../common/svg.hpp"
#include "report.hpp"

namespace study {
namespace {

using demo::Point;

constexpr double width = 1060;

/// Maps tokens into a square of the figure.
struct Panel {
  double left, top, side, reach;

  Point operator()(const Eigen::RowVectorXf& z) const {
    return {left + (z[0] / reach + 1) / 2 * side, top + (1 - z[1] / reach) / 2 * side};
  }
  void frame(demo::Svg& svg) const {
    const Point corners[] = {{left, top}, {left + side, top}, {left + side, top + side}, {left, top + side}};
    svg.polygon(corners, "frame");
  }
};

double reach_of(const Tokens& z) { return 1.08 * z.cwiseAbs().maxCoeff(); }

/// The hull as a polygon: its vertices, by angle around their middle.
std::vector<Point> outline(const Tokens& z, const Panel& at) {
  const Tokens corners = z(crest::dynamics::hull_vertices(z), Eigen::all);
  const Eigen::RowVectorXf middle = corners.colwise().mean();
  std::vector<Index> order(corners.rows());
  for (Index i = 0; i < corners.rows(); ++i) order[i] = i;
  const auto angle = [&](Index i) { return std::atan2(corners(i, 1) - middle[1], corners(i, 0) - middle[0]); };
  std::sort(order.begin(), order.end(), [&](Index i, Index j) { return angle(i) < angle(j); });
  std::vector<Point> points;
  for (Index i : order) points.push_back(at(corners.row(i)));
  return points;
}

bool leads(const History& h, Index i) { return std::binary_search(h.leaders.begin(), h.leaders.end(), i); }

/// The frames shown: most at the start, where tokens move most.
std::vector<Index> shown_frames(const History& h, Index count) {
  std::vector<Index> shown;
  const auto last = static_cast<double>(h.frames.size() - 1);
  for (Index k = 0; k < count; ++k)
    shown.push_back(std::lround(last * std::pow(static_cast<double>(k) / static_cast<double>(count - 1), 1.6)));
  return shown;
}

/// A dot that goes from frame to frame, rests, and begins anew.
void moving_dot(demo::Svg& svg, const History& h, const std::vector<Index>& shown, const Panel& at, Index i) {
  std::string x, y;
  for (Index frame : shown) {
    const Point p = at(h.frames[frame].row(i));
    x += demo::pixels(p.x) + ';', y += demo::pixels(p.y) + ';';
  }
  const Point first = at(h.frames[0].row(i));
  const auto animate = [](const std::string& what, const std::string& values) {
    const std::string rest = values.substr(values.rfind(';', values.size() - 2) + 1);
    return "<animate attributeName=\"" + what + "\" dur=\"9s\" repeatCount=\"indefinite\" values=\"" + values + rest +
           rest + rest.substr(0, rest.size() - 1) + "\"/>";
  };
  svg.raw("<circle class=\"" + std::string(leads(h, i) ? "leader" : "token") + "\" r=\"" + (leads(h, i) ? "6" : "4") +
          "\" cx=\"" + demo::pixels(first.x) + "\" cy=\"" + demo::pixels(first.y) + "\">" + animate("cx", x) +
          animate("cy", y) + "</circle>\n");
}

void trail(demo::Svg& svg, const History& h, const Panel& at, Index i) {
  std::vector<Point> points;
  for (std::size_t frame = 0; frame < h.frames.size(); frame += 3) points.push_back(at(h.frames[frame].row(i)));
  svg.polyline(points, "trail");
}

struct Axes {
  demo::Scale x, y;
  Point operator()(double a, double b) const { return {x(a), y(b)}; }

  void draw(demo::Svg& svg, const std::string& along, const std::string& up) const {
    const auto label = [](double v) {
      return v >= 1 || v == 0 ? demo::fixed(v, 0) : demo::fixed(v, v < 1e-3 ? 4 : v < 1e-2 ? 3 : v < 0.1 ? 2 : 1);
    };
    for (double t : y.ticks()) {
      svg.line({x.from, y(t)}, {x.to, y(t)}, "grid");
      svg.text({x.from - 8, y(t) + 4}, y.log && t < 1e-4 ? demo::relative_error(t) : label(t), "", demo::Anchor::end);
    }
    for (double t : x.ticks()) svg.text({x(t), y.from + 20}, label(t), "", demo::Anchor::middle);
    svg.text({(x.from + x.to) / 2, y.from + 42}, along, "axis", demo::Anchor::middle);
    svg.text({x.from, y.to - 12}, up, "axis");
  }
};

}  // namespace

std::string moving_figure(const History& h) {
  constexpr double side = 620;
  demo::Svg svg(width, side, "Tokens moving to their leaders");
  const Panel at{(width - side) / 2, 0, side, reach_of(h.frames[0])};
  svg.polygon(outline(h.frames[0], at), "hull");
  const std::vector<Index> shown = shown_frames(h, 40);
  for (Index i = 0; i < h.frames[0].rows(); ++i) trail(svg, h, at, i);
  for (const bool leader : {false, true})
    for (Index i = 0; i < h.frames[0].rows(); ++i)
      if (leads(h, i) == leader) moving_dot(svg, h, shown, at, i);
  return svg.str();
}

std::string moments_figure(const History& h) {
  constexpr double gap = 14, side = (width - 3 * gap) / 4;
  const auto last = static_cast<Index>(h.frames.size()) - 1;
  demo::Svg svg(width, side + 26, "Four moments of the run");
  double left = 0;
  for (Index t : {Index{0}, last / 12, last / 4, last}) {
    const Panel at{left, 24, side, reach_of(h.frames[0])};
    at.frame(svg);
    svg.polygon(outline(h.frames[t], at), "hull");
    for (Index i = 0; i < h.frames[t].rows(); ++i)
      svg.circle(at(h.frames[t].row(i)), leads(h, i) ? 4 : 2.5, leads(h, i) ? "leader" : "token");
    svg.text({left, 14}, "step " + std::to_string(t), "axis");
    left += side + gap;
  }
  return svg.str();
}

std::string growth_figure(const std::vector<double>& growth, double alpha) {
  demo::Svg svg(width, 330, "Largest norm against steps");
  const auto last = static_cast<double>(growth.size() - 1);
  const Axes at{{0, last, 80, 1000}, {1, growth.back(), 270, 36, true}};
  at.draw(svg, "steps", "largest norm");
  std::vector<Point> seen, told;
  for (std::size_t t = 0; t < growth.size(); ++t) {
    seen.push_back(at(static_cast<double>(t), growth[t]));
    told.push_back(at(static_cast<double>(t), std::pow(1 + alpha, static_cast<double>(t))));
  }
  svg.polyline(seen, "curve");
  svg.polyline(told, "rule");
  return svg.str();
}

std::string cooling_figure(const std::vector<Cooled>& cooled) {
  demo::Svg svg(width, 360, "Distance to hardmax against temperature");
  const Axes at{{1e-4, 10, 80, 1000, true}, {1e-4, 1, 300, 36, true}};
  at.draw(svg, "temperature", "distance to hardmax");
  std::vector<Point> points;
  for (const Cooled& c : cooled)
    if (c.distance >= 1e-4) points.push_back(at(c.temperature, c.distance));
  svg.polyline(points, "curve");
  for (Point p : points) svg.circle(p, 4, "dot");
  return svg.str();
}

}  // namespace study
