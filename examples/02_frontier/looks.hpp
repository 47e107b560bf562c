// How families of contenders look in all figures.
#pragma once

#include <string>

#include "../common/svg.hpp"

namespace frontier {

struct Look {
  std::size_t family;  ///< its number among all families

  /// Twelve colours and five marks: alike again after sixty families.
  std::string css(const char* kind) const { return std::string(kind) + " c" + std::to_string(family % 12); }
  const char* outline() const {
    constexpr const char* all[] = {demo::marks::disc, demo::marks::square, demo::marks::up, demo::marks::diamond,
                                   demo::marks::down};
    return all[family % 5];
  }
  void draw(demo::Svg& svg, demo::Point at) const { svg.mark(at, outline(), css("mark")); }
};

/// Marks and names of `families`, one below the other.
void draw_legend(demo::Svg& svg, demo::Point at, const std::vector<std::string>& families,
                 const std::vector<std::size_t>& shown);

}  // namespace frontier
