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

/// Outlines of marks around (0, 0).
namespace marks {
inline constexpr const char *disc = "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0 -5 0Z", *square = "M-4.5 -4.5H4.5V4.5H-4.5Z",
                            *diamond = "M0 -6L6 0L0 6L-6 0Z", *up = "M0 -6L5.5 4H-5.5Z", *down = "M-5.5 -4H5.5L0 6Z",
                            *plus = "M-6 -2H-2V-6H2V-2H6V2H2V6H-2V2H-6Z";
}  // namespace marks

class Svg {
 public:
  /// `title` is read out to those who cannot see the figure.
  Svg(double width, double height, std::string_view title);

  void line(Point a, Point b, std::string_view css);
  void polyline(std::span<const Point> points, std::string_view css);
  void polygon(std::span<const Point> points, std::string_view css);
  /// One path of round dots; their size is the stroke width of the class.
  void dots(std::span<const Point> points, std::string_view css);
  void mark(Point at, std::string_view outline, std::string_view css);
  void rect(Point corner, Point size, std::string_view css, std::string_view style = {});
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
