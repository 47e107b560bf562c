#include "plot.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "text.hpp"

namespace bench {

namespace {

constexpr double width = 420, height = 260, left = 52, right = 12, top = 26, bottom = 34;

/// Data to picture coordinates.
class Frame {
 public:
  explicit Frame(const Chart& chart) : chart_(chart), high_(std::max(chart.top, chart.guide)) {
    if (chart.logarithmic) low_ = chart.guide;
    for (const Series& s : chart.series)
      for (Point p : s.points) include(p);
    if (chart.logarithmic)
      low_ = std::pow(2, std::floor(std::log2(low_))), high_ = std::pow(2, std::ceil(std::log2(high_)));
  }

  double x(double value) const {
    const double span = std::max(std::log2(last_ / first_), 1e-9);
    return left + std::log2(value / first_) / span * (width - left - right);
  }
  double y(double value) const {
    const double part =
        chart_.logarithmic ? std::log2(value / low_) / std::max(std::log2(high_ / low_), 1e-9) : value / high_;
    return height - bottom - part * (height - top - bottom);
  }

  std::vector<double> lengths() const {
    std::vector<double> ticks;
    for (double n = 1024; n <= last_; n *= 2)
      if (n >= first_) ticks.push_back(n);
    return ticks;
  }
  std::vector<double> levels() const {
    std::vector<double> ticks;
    if (chart_.logarithmic)
      for (double v = low_; v <= high_ * 1.001; v *= 2) ticks.push_back(v);
    else
      for (int i = 0; i <= 5; ++i) ticks.push_back(high_ * i / 5);
    return ticks;
  }

 private:
  void include(Point p) {
    first_ = std::min(first_, p.x);
    last_ = std::max(last_, p.x);
    high_ = std::max(high_, p.y);
    if (p.y > 0) low_ = std::min(low_, p.y);
  }

  const Chart& chart_;
  double first_ = 1e30, last_ = 0, low_ = 0, high_;
};

std::string axes(const Chart& chart, const Frame& frame) {
  std::string out;
  for (double v : frame.levels())
    out += format(
        "<line class='grid' x1='%g' x2='%g' y1='%.1f' y2='%.1f'/>"
        "<text class='tick' x='%g' y='%.1f' text-anchor='end'>%.3g%s</text>\n",
        left, width - right, frame.y(v), frame.y(v), left - 5, frame.y(v) + 4, v, chart.unit.c_str());
  for (double n : frame.lengths())
    out += format("<text class='tick' x='%.1f' y='%g' text-anchor='middle'>%gk</text>\n", frame.x(n), height - 14,
                  n / 1024);
  return out + format("<line class='guide' x1='%g' x2='%g' y1='%.1f' y2='%.1f'/>\n", left, width - right,
                      frame.y(chart.guide), frame.y(chart.guide));
}

std::string line(const Chart& chart, const Series& s, const Frame& frame) {
  std::string path, dots;
  for (Point p : s.points) {
    path += format("%s%.1f %.1f", path.empty() ? "M" : " L", frame.x(p.x), frame.y(p.y));
    dots += format("<circle class='c%d' cx='%.1f' cy='%.1f' r='3'><title>%s, %gk: %.3g%s</title></circle>", s.colour,
                   frame.x(p.x), frame.y(p.y), escaped(s.name).c_str(), p.x / 1024, p.y, chart.unit.c_str());
  }
  return format("<path class='line c%d%s' d='%s'/>\n%s\n", s.colour, s.dashed ? " dashed" : "", path.c_str(),
                dots.c_str());
}

}  // namespace

std::string svg(const Chart& chart) {
  const Frame frame(chart);
  std::string out = format("<svg viewBox='0 0 %g %g' role='img'><text class='title' x='%g' y='16'>%s</text>\n", width,
                           height, left, escaped(chart.title).c_str());
  out += axes(chart, frame);
  for (const Series& s : chart.series) out += line(chart, s, frame);
  return out + "</svg>\n";
}

}  // namespace bench
