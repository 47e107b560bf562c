// A line chart as inline SVG: x is a context length on a logarithmic axis.
#pragma once

#include <string>
#include <vector>

namespace bench {

struct Point {
  double x = 0, y = 0;
};

struct Series {
  std::string name;
  int colour = 0;  ///< class c0 .. c7 of the page's style
  bool dashed = false;
  std::vector<Point> points{};
};

struct Chart {
  std::string title, unit;   ///< unit stands behind the numbers of the y axis
  bool logarithmic = false;  ///< y axis
  double guide = 1;          ///< a line to compare with
  double top = 0;            ///< lowest upper end of the y axis; it grows with the data
  std::vector<Series> series{};
};

std::string svg(const Chart&);

}  // namespace bench
