#include <algorithm>

#include "../common/frame.hpp"
#include "figures.hpp"

namespace demo {
namespace {

/// The outcomes of one method on one layer, joined by a line.
struct Series {
  std::string family, name;
  std::vector<const Outcome*> outcomes;
};

/// How a series looks.
struct Look {
  const char* css;
  const char* mark;
};
/// Contenders first, as they stand in a contest, then what else the table holds.
using namespace marks;
constexpr Look looks[] = {{"s-guided", disc},       {"s-halves", disc},   {"s-top", up},      {"s-oracle", up},
                          {"s-blocks", square},     {"s-recent", down},   {"s-stored", plus}, {"s-stored", square},
                          {"s-clustered", diamond}, {"s-target", diamond}};

const Look& look(std::size_t series) { return looks[series % std::size(looks)]; }

void draw_mark(Svg& svg, Point at, const Look& look) { svg.mark(at, look.mark, std::string("mark ") + look.css); }

bool took_part(const Contest& contest, const std::string& name) {
  const auto& all = contest.contenders;
  return std::any_of(all.begin(), all.end(), [&](const Contender& c) { return c.name == name; });
}

/// A contest, and whatever else of the table is not exact.
std::vector<Series> series_of(const LayerResult& layer) {
  std::vector<Series> all;
  for (const Contender& c : layer.contest.contenders) {
    all.push_back({c.name, c.name, {}});
    for (const std::optional<Outcome>& o : c.at)
      if (o && !o->exact()) all.back().outcomes.push_back(&*o);
  }
  for (const Measured& row : layer.rows) {
    if (row.outcome.exact() || took_part(layer.contest, row.label.family)) continue;
    if (all.back().family == row.label.family)
      all.back().name += ", " + row.label.setting;
    else
      all.push_back({row.label.family, row.label.text(), {}});
    all.back().outcomes.push_back(&row.outcome);
  }
  return all;
}

Panels panels_of(const std::vector<LayerResult>& layers) {
  Panels panels{.count = layers.size(), .height = 330, .top = 70};
  for (const LayerResult& layer : layers)
    for (const Series& s : series_of(layer))
      for (const Outcome* o : s.outcomes) {
        panels.x.add(o->share());
        panels.y.add(o->error_mean());
      }
  return panels;
}

void draw(Svg& svg, const Frame& frame, const Series& series, const Look& look) {
  std::vector<Point> at;
  for (const Outcome* o : series.outcomes) at.push_back(frame(o->share(), std::max(o->error_mean(), frame.y.lo)));
  svg.polyline(at, std::string("series ") + look.css);
  for (Point p : at) draw_mark(svg, p, look);
}

void draw_legend(Svg& svg, const std::vector<Series>& all) {
  constexpr std::size_t columns = 5;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Point at{10 + figure_width / columns * static_cast<double>(i % columns),
                   12 + 24 * static_cast<double>(i / columns)};
    draw_mark(svg, at, look(i));
    svg.text({at.x + 14, at.y + 4}, all[i].name, "label");
  }
}

}  // namespace

std::string error_figure(const std::vector<LayerResult>& layers) {
  const Panels panels = panels_of(layers);
  Svg svg(figure_width, panels.total_height(), "Mean relative error against bytes read");
  draw_legend(svg, series_of(layers[0]));
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Frame frame = panels.frame(i);
    frame.draw_x(svg, percent_label, "bytes read, of dense");
    frame.draw_y(svg, percent_label);
    svg.text({frame.x.from, frame.y.to - 10}, "layer " + std::to_string(layers[i].number) + ", mean error", "axis");
    const std::vector<Series> all = series_of(layers[i]);
    for (std::size_t s = all.size(); s-- > 0;) draw(svg, frame, all[s], look(s));
  }
  return svg.str();
}

}  // namespace demo
