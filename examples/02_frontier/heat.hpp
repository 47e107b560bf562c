// Heat maps: tables of shares as coloured cells.
#pragma once

#include <functional>
#include <string>

#include "../common/svg.hpp"

namespace frontier {

/// A table of shares, and where it stands.
struct Heat {
  demo::Point corner, cell;  ///< the upper left one; width and height of a cell
  std::size_t rows, columns;
  double most;           ///< the share of the darkest cells
  bool labelled = true;  ///< whether shares are written into the cells
  std::function<double(std::size_t row, std::size_t column)> share;

  double right() const { return corner.x + cell.x * static_cast<double>(columns); }
  double bottom() const { return corner.y + cell.y * static_cast<double>(rows); }
  void draw(demo::Svg& svg) const;
  /// Names left of the rows and below the columns; every so many, that they do not touch.
  void draw_rows(demo::Svg& svg, const std::function<std::string(std::size_t)>& name) const;
  void draw_columns(demo::Svg& svg, const std::function<std::string(std::size_t)>& name) const;
};

/// The colours from 0 to `most`.
void draw_scale(demo::Svg& svg, demo::Point corner, double most);

}  // namespace frontier
