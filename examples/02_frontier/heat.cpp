#include "heat.hpp"

#include <algorithm>
#include <cmath>

#include "../common/format.hpp"

namespace frontier {
namespace {

using demo::Anchor;
using demo::Point;
using demo::Svg;

/// 0..1: darkness grows as the root, so that small shares are told apart.
double darkness(double share, double most) { return most > 0 ? std::sqrt(std::clamp(share / most, 0.0, 1.0)) : 0; }

std::string fill(double darkness) {
  const auto mix = [&](double light, double dark) {
    return std::to_string(std::lround(light + darkness * (dark - light)));
  };
  return "fill:rgb(" + mix(246, 20) + "," + mix(247, 60) + "," + mix(249, 140) + ")";
}

std::string digits(double share) { return demo::fixed(100 * share, share < 0.0995 ? 1 : 0); }

/// How many cells lie between two names that are at least `room` apart.
std::size_t stride(double cell, double room) { return static_cast<std::size_t>(std::max(1.0, std::ceil(room / cell))); }

}  // namespace

void Heat::draw(Svg& svg) const {
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) {
      const Point at{corner.x + cell.x * static_cast<double>(c), corner.y + cell.y * static_cast<double>(r)};
      const double dark = darkness(share(r, c), most);
      svg.rect(at, {cell.x - 1, cell.y - 1}, "cell", fill(dark));
      if (labelled)
        svg.text({at.x + cell.x / 2 - 0.5, at.y + cell.y / 2 + 4}, digits(share(r, c)), dark > 0.48 ? "light" : "dark",
                 Anchor::middle);
    }
}

void Heat::draw_rows(Svg& svg, const std::function<std::string(std::size_t)>& name) const {
  for (std::size_t r = 0; r < rows; r += stride(cell.y, 14))
    svg.text({corner.x - 8, corner.y + cell.y * (static_cast<double>(r) + 0.5) + 4}, name(r), "tick", Anchor::end);
}

void Heat::draw_columns(Svg& svg, const std::function<std::string(std::size_t)>& name) const {
  for (std::size_t c = 0; c < columns; c += stride(cell.x, 20))
    svg.text({corner.x + cell.x * (static_cast<double>(c) + 0.5), bottom() + 15}, name(c), "tick", Anchor::middle);
}

void draw_scale(Svg& svg, Point corner, double most) {
  constexpr int steps = 40;
  constexpr double width = 6, height = 12;
  for (int i = 0; i < steps; ++i)
    svg.rect({corner.x + width * i, corner.y}, {width + 0.5, height}, "cell",
             fill(darkness(most * (i + 0.5) / steps, most)));
  for (double part : {0.0, 0.25, 0.5, 1.0})
    svg.text({corner.x + width * steps * part, corner.y + height + 15}, demo::percent(most * part), "tick",
             Anchor::middle);
}

}  // namespace frontier
