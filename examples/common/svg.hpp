// A small SVG writer: shapes with CSS classes, and scales with ticks. Styling belongs to the page.
#pragma once

#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

struct Point {
  double x, y;
};

/// Maps data in lo..hi to pixels in from..to, linearly or by logarithm.
struct Scale {
  double lo, hi, from, to;
  bool log = false;

  double operator()(double value) const;
  /// Round values inside lo..hi: about `count` of them, or, by logarithm, decades.
  std::vector<double> ticks(int count = 6) const;
};

/// Where text stands relative to its point.
enum class Anchor { start, middle, end };

class Svg {
 public:
  /// `title` is read out to those who cannot see the figure.
  Svg(double width, double height, std::string_view title);

  void line(Point a, Point b, std::string_view css);
  void polyline(std::span<const Point> points, std::string_view css);
  void polygon(std::span<const Point> points, std::string_view css);
  /// One path of round dots; their size is the stroke width of the class.
  void dots(std::span<const Point> points, std::string_view css);
  void circle(Point center, double radius, std::string_view css);
  void text(Point at, std::string_view words, std::string_view css, Anchor anchor = Anchor::start);
  /// Verbatim SVG.
  void raw(std::string_view markup) { out_ << markup; }

  std::string str() const { return out_.str() + "</svg>\n"; }

 private:
  void shape(const char* name, std::span<const Point> points, std::string_view css);

  std::ostringstream out_;
};

/// "12.3", without a needless ".0".
std::string pixels(double x);

}  // namespace demo
