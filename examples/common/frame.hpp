// Axes with grids, and how the figures of the report are laid out.
#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

#include "svg.hpp"

namespace demo {

/// Of every figure.
inline constexpr double figure_width = 1120;

/// Two axes with a grid.
struct Frame {
  Scale x, y;

  Point operator()(double at_x, double at_y) const { return {x(at_x), y(at_y)}; }
  void draw_x(Svg& svg, std::string (*label)(double), std::string_view title) const;
  void draw_y(Svg& svg, std::string (*label)(double), int count = 5) const;
  /// y = factor * x, inside the frame.
  void draw_line(Svg& svg, double factor, std::string_view css) const;
  /// Where a point stands; one outside of the frame, on its edge.
  Point on_edge(Point p) const { return (*this)(std::clamp(p.x, x.lo, x.hi), std::clamp(p.y, y.lo, y.hi)); }
};

/// Of the positive, finite values added; 1..1 when there were none.
struct Range {
  double lo = 1, hi = 1;
  bool empty = true;
  void add(double v) {
    if (!(v > 0 && v <= std::numeric_limits<double>::max())) return;
    lo = empty ? v : std::min(lo, v);
    hi = empty ? v : std::max(hi, v);
    empty = false;
  }
  /// By logarithm, from a little below to a little above the data, and far enough for ticks to lie between.
  Scale logarithmic(double margin, double from, double to) const;
};

/// Small frames with the same axes, three in a row.
struct Panels {
  Range x{}, y{};  ///< of the data, both on logarithmic axes
  std::size_t count = 0;
  double height = 280, top = 0;  ///< of one frame with its labels; above the first row

  double total_height() const { return top + height * static_cast<double>((count + 2) / 3); }
  Frame frame(std::size_t index) const;
};

/// "12 %", "0.5 %".
std::string percent_label(double share);

}  // namespace demo
