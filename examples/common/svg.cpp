#include "svg.hpp"

#include <cmath>

#include "format.hpp"

namespace demo {
namespace {

/// Decades; with 2 and 5 between when there are few.
std::vector<double> log_ticks(double lo, double hi) {
  std::vector<double> at;
  const bool few = hi / lo < 1000;
  for (double decade = std::pow(10.0, std::floor(std::log10(lo))); decade <= hi; decade *= 10)
    for (double m : {1.0, 2.0, 5.0})
      if ((few || m == 1) && m * decade >= lo * 0.999 && m * decade <= hi * 1.001) at.push_back(m * decade);
  return at;
}

std::vector<double> linear_ticks(double lo, double hi, int count) {
  std::vector<double> at;
  const double rough = (hi - lo) / count, decade = std::pow(10.0, std::floor(std::log10(rough)));
  const double step = decade * (rough > 5 * decade ? 10 : rough > 2 * decade ? 5 : rough > decade ? 2 : 1);
  for (double tick = std::ceil(lo / step) * step; tick <= hi + 1e-9 * step; tick += step) at.push_back(tick);
  return at;
}

}  // namespace

double Scale::operator()(double value) const {
  const auto place = [this](double v) { return log ? std::log10(v) : v; };
  return from + (place(value) - place(lo)) / (place(hi) - place(lo)) * (to - from);
}

std::vector<double> Scale::ticks(int count) const { return log ? log_ticks(lo, hi) : linear_ticks(lo, hi, count); }

std::string pixels(double x) {
  std::string s = fixed(x, 1);
  if (s.ends_with(".0")) s.resize(s.size() - 2);
  return s;
}

Svg::Svg(double width, double height, std::string_view title) {
  out_ << "<svg viewBox=\"0 0 " << pixels(width) << ' ' << pixels(height) << "\" role=\"img\"><title>" << escape(title)
       << "</title>\n";
}

void Svg::line(Point a, Point b, std::string_view css) {
  out_ << "<path class=\"" << css << "\" d=\"M" << pixels(a.x) << ' ' << pixels(a.y) << 'L' << pixels(b.x) << ' '
       << pixels(b.y) << "\"/>\n";
}

void Svg::shape(const char* name, std::span<const Point> points, std::string_view css) {
  out_ << '<' << name << " class=\"" << css << "\" points=\"";
  for (Point p : points) out_ << pixels(p.x) << ',' << pixels(p.y) << ' ';
  out_ << "\"/>\n";
}

void Svg::polyline(std::span<const Point> points, std::string_view css) { shape("polyline", points, css); }
void Svg::polygon(std::span<const Point> points, std::string_view css) { shape("polygon", points, css); }

void Svg::dots(std::span<const Point> points, std::string_view css) {
  if (points.empty()) return;
  out_ << "<path class=\"" << css << "\" d=\"";
  for (Point p : points) out_ << 'M' << pixels(p.x) << ' ' << pixels(p.y) << "h0";
  out_ << "\"/>\n";
}

void Svg::mark(Point at, std::string_view outline, std::string_view css) {
  out_ << "<path class=\"" << css << "\" transform=\"translate(" << pixels(at.x) << ' ' << pixels(at.y) << ")\" d=\""
       << outline << "\"/>\n";
}

void Svg::rect(Point corner, Point size, std::string_view css, std::string_view style) {
  out_ << "<rect class=\"" << css << "\" x=\"" << pixels(corner.x) << "\" y=\"" << pixels(corner.y) << "\" width=\""
       << pixels(size.x) << "\" height=\"" << pixels(size.y) << '"';
  if (!style.empty()) out_ << " style=\"" << style << '"';
  out_ << "/>\n";
}

void Svg::circle(Point center, double radius, std::string_view css) {
  out_ << "<circle class=\"" << css << "\" cx=\"" << pixels(center.x) << "\" cy=\"" << pixels(center.y) << "\" r=\""
       << pixels(radius) << "\"/>\n";
}

void Svg::text(Point at, std::string_view words, std::string_view css, Anchor anchor) {
  constexpr const char* names[] = {"start", "middle", "end"};
  out_ << "<text class=\"" << css << "\" x=\"" << pixels(at.x) << "\" y=\"" << pixels(at.y) << "\" text-anchor=\""
       << names[static_cast<int>(anchor)] << "\">" << escape(words) << "</text>\n";
}

}  // namespace demo
