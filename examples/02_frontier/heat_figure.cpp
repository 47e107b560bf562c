#include <algorithm>

#include "../common/format.hpp"
#include "../common/frame.hpp"
#include "figures.hpp"
#include "heat.hpp"

namespace frontier {
namespace {

using demo::Point;
using demo::Svg;

/// One band of a figure: four heat maps in a row, one for each ratio.
struct Band {
  const char* title;
  Neighbours::Keys keys;
  bool chance;  ///< what random keys find, not neighbours
};
constexpr Band bands[] = {{"neighbours of the maximum, sinks left out", Neighbours::without_sinks, false},
                          {"as many random keys, sinks left out", Neighbours::without_sinks, true},
                          {"neighbours of the maximum, all keys", Neighbours::all_keys, false},
                          {"as many random keys, all keys", Neighbours::all_keys, true}};

double share(const LayerStudy& layer, Neighbours::Size size, const Band& band, int ratio, Index k) {
  const Neighbours::Sums& sums = layer.neighbours.of[size][band.keys];
  if (!(sums.rows > 0)) return 0;
  return band.chance ? sums.chance(ratio, k) : sums.share(ratio, k);
}

/// The largest share of all cells.
double most(const Report& report, Neighbours::Size size) {
  double most = 0;
  for (const LayerStudy& layer : report.layers)
    for (const Band& band : bands)
      for (int ratio = 0; ratio < 4; ++ratio) most = std::max(most, share(layer, size, band, ratio, Neighbours::reach));
  return most;
}

void draw_band(Svg& svg, const Report& report, Neighbours::Size size, Heat heat, const Band& band) {
  svg.text({heat.corner.x - 40, heat.corner.y - 24}, band.title, "axis");
  const double left = heat.corner.x;
  for (int ratio = 0; ratio < 4; ++ratio) {
    heat.corner.x = left + (heat.cell.x * static_cast<double>(heat.columns) + 30) * ratio;
    heat.share = [&, ratio](std::size_t r, std::size_t c) {
      return share(report.layers[r], size, band, ratio, static_cast<Index>(c) + 1);
    };
    svg.text({heat.corner.x, heat.corner.y - 6}, "ratio at least " + demo::fixed(Neighbours::ratios[ratio], 2), "tick");
    heat.draw(svg);
    heat.draw_columns(svg, [](std::size_t c) { return std::to_string(c + 1); });
    if (ratio == 0) heat.draw_rows(svg, [&](std::size_t r) { return std::to_string(report.layers[r].number); });
  }
}

}  // namespace

std::string neighbours_figure(const Report& report, Neighbours::Size size) {
  const std::size_t layers = report.layers.size();
  const double row = layers <= 10 ? 26 : 11, band = row * static_cast<double>(layers) + 72;
  const double darkest = most(report, size);
  Svg svg(demo::figure_width, 4 * band + 40, "Near and nearly equal neighbours of the maximum");
  for (std::size_t i = 0; i < std::size(bands); ++i)
    draw_band(
        svg, report, size,
        {{56, 40 + band * static_cast<double>(i)}, {30.5, row}, layers, Neighbours::reach, darkest, layers <= 10, {}},
        bands[i]);
  svg.text({56, 4 * band + 22}, "down: layer; across: within so many keys on either side", "tick");
  draw_scale(svg, {700, 4 * band + 4}, darkest);
  return svg.str();
}

std::string mass_figure(const Report& report) {
  std::vector<std::size_t> shown;
  for (std::size_t i = 1; i < report.contenders.size(); ++i)
    if (report.all.outcomes[i].kept) shown.push_back(i);
  constexpr double left = 250, row = 21;
  const double column = std::min(110.0, (demo::figure_width - left - 20) / static_cast<double>(report.layers.size()));
  const Heat heat{{left, 10},
                  {column, row},
                  shown.size(),
                  report.layers.size(),
                  1,
                  column >= 26,
                  [&](std::size_t r, std::size_t c) { return report.layers[c].outcomes[shown[r]].mass_kept(); }};
  Svg svg(demo::figure_width, heat.bottom() + 60, "Softmax mass of the keys used");
  heat.draw(svg);
  heat.draw_rows(svg, [&](std::size_t r) { return report.contenders[shown[r]].label.text(); });
  heat.draw_columns(svg, [&](std::size_t c) { return std::to_string(report.layers[c].number); });
  svg.text({left - 8, heat.bottom() + 15}, "layer", "axis", demo::Anchor::end);
  draw_scale(svg, {left + 10, heat.bottom() + 28}, 1);
  return svg.str();
}

}  // namespace frontier
