#include <algorithm>

#include "../common/format.hpp"
#include "../common/frame.hpp"
#include "figures.hpp"
#include "looks.hpp"

namespace frontier {
namespace {

using demo::Frame;
using demo::Point;

constexpr std::size_t most_dots = 900;

/// Predicted and true errors of a family's rows.
struct Cloud {
  std::string family;
  std::vector<Point> rows;
};

std::vector<Cloud> clouds(const Report& report) {
  std::vector<Cloud> all;
  for (std::size_t i = 0; i < report.contenders.size(); ++i) {
    const Outcome& o = report.all.outcomes[i];
    const std::string& family = report.contenders[i].label.family;
    for (std::size_t row = 0; row < o.predicted.size(); ++row) {
      if (!o.foretold(row)) continue;
      if (all.empty() || all.back().family != family) all.push_back({family, {}});
      all.back().rows.push_back({o.predicted[row], o.errors[row]});
    }
  }
  return all;
}

/// Both axes alike, or the diagonal would not be one; between a hundredth of a per cent and a factor of three.
demo::Panels panels_of(const std::vector<Cloud>& all) {
  demo::Panels panels{.count = all.size(), .height = 350};
  for (const Cloud& cloud : all) {
    std::vector<double> x;
    for (Point p : cloud.rows) x.push_back(p.x);
    panels.x.add(std::clamp(demo::value_at(x, 0.005) / 2, 1e-4, 3.0));
    panels.x.add(std::clamp(demo::value_at(x, 0.995) * 2, 1e-4, 3.0));
  }
  panels.y = panels.x;
  return panels;
}

/// Evenly chosen ones of many.
std::vector<Point> some(const Cloud& cloud, const Frame& frame) {
  const std::size_t count = std::min(most_dots, cloud.rows.size());
  std::vector<Point> dots;
  for (std::size_t i = 0; i < count; ++i) dots.push_back(frame.on_edge(cloud.rows[i * cloud.rows.size() / count]));
  return dots;
}

void draw(demo::Svg& svg, const Frame& frame, const Cloud& cloud, const Look& look) {
  frame.draw_x(svg, demo::percent_label, "predicted error");
  frame.draw_y(svg, demo::percent_label);
  svg.text({frame.x.from, frame.y.to - 10}, cloud.family + ": true error", "axis");
  svg.dots(some(cloud, frame), look.css("dots"));
  frame.draw_line(svg, 1, "diagonal");
  for (double factor : {0.5, 2.0}) frame.draw_line(svg, factor, "factor");
}

}  // namespace

std::string calibration_figure(const Report& report) {
  const std::vector<Cloud> all = clouds(report);
  if (all.empty()) return {};
  const demo::Panels panels = panels_of(all);
  const std::vector<std::string> families = report.families();
  demo::Svg svg(demo::figure_width, panels.total_height(), "True error against predicted error");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto family = std::find(families.begin(), families.end(), all[i].family);
    draw(svg, panels.frame(i), all[i], Look{static_cast<std::size_t>(family - families.begin())});
  }
  return svg.str();
}

}  // namespace frontier
