#include "frame.hpp"

#include "format.hpp"

namespace demo {
Scale Range::logarithmic(double margin, double from, double to) const {
  return {std::min(lo, hi / 3) / margin, hi * margin, from, to, true};
}

void Frame::draw_x(Svg& svg, std::string (*label)(double), std::string_view title) const {
  for (double tick : x.ticks()) {
    svg.line({x(tick), y.from}, {x(tick), y.to}, "grid");
    svg.text({x(tick), y.from + 18}, label(tick), "tick", Anchor::middle);
  }
  svg.text({(x.from + x.to) / 2, y.from + 38}, title, "axis", Anchor::middle);
}

void Frame::draw_y(Svg& svg, std::string (*label)(double), int count) const {
  for (double tick : y.ticks(count)) {
    svg.line({x.from, y(tick)}, {x.to, y(tick)}, "grid");
    svg.text({x.from - 8, y(tick) + 4}, label(tick), "tick", Anchor::end);
  }
}

void Frame::draw_line(Svg& svg, double factor, std::string_view css) const {
  const double lo = std::max(x.lo, y.lo / factor), hi = std::min(x.hi, y.hi / factor);
  if (lo < hi) svg.line((*this)(lo, factor * lo), (*this)(hi, factor * hi), css);
}

Frame Panels::frame(std::size_t index) const {
  constexpr double width = figure_width / 3, margin = 58, right = 22;
  const double left = width * static_cast<double>(index % 3), upper = top + height * static_cast<double>(index / 3);
  return {x.logarithmic(1.15, left + margin, left + width - right),
          y.logarithmic(1.3, upper + height - 46, upper + 26)};
}

std::string percent_label(double share) {
  const double p = 100 * share;
  return fixed(p, p >= 0.995 || p == 0 ? 0 : p >= 0.0995 ? 1 : p >= 0.00995 ? 2 : 3) + " %";
}

}  // namespace demo
