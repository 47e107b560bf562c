#include <algorithm>
#include <cmath>

#include "../common/format.hpp"
#include "../common/svg.hpp"
#include "report.hpp"

namespace sentiment {
namespace {

using crest::Index;
using demo::Point;

constexpr double width = 1060;

struct Axes {
  demo::Scale x, y;
  Point operator()(double d, double accuracy) const { return {x(d), y(accuracy)}; }
};

void draw_axes(demo::Svg& svg, const Axes& at, const std::vector<Width>& widths) {
  for (double tick : at.y.ticks(5)) {
    svg.line({at.x.from, at.y(tick)}, {at.x.to, at.y(tick)}, "grid");
    svg.text({at.x.from - 10, at.y(tick) + 4}, demo::fixed(tick, 2), "", demo::Anchor::end);
  }
  for (const Width& w : widths)
    svg.text({at.x(w.d), at.y.from + 22}, "d = " + std::to_string(w.d), "", demo::Anchor::middle);
  svg.text({at.x.from, at.y.to - 12}, "accuracy on held-out reviews", "axis");
}

/// Where the tokens of all layers lie, as a square.
struct Box {
  double x, y, half;

  explicit Box(const Path& path) {
    Eigen::RowVector2f low = path.tokens[0].colwise().minCoeff(), high = path.tokens[0].colwise().maxCoeff();
    x = (low[0] + high[0]) / 2, y = (low[1] + high[1]) / 2;
    half = 0.62 * (high - low).maxCoeff();
  }
};

/// One layer's panel: pixels of data, inside a frame.
struct Panel {
  double left, top, side;
  Box box;

  Point operator()(double x, double y) const {
    return {left + (x - box.x + box.half) / (2 * box.half) * side,
            top + (box.y + box.half - y) / (2 * box.half) * side};
  }
};

/// The half plane of the decoder's judgement inside a panel, by cutting its square.
std::vector<Point> judged_positive(const Model& model, const Box& b) {
  const double corners[4][2] = {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}};
  std::vector<Point> cut;
  for (int i = 0; i < 4; ++i) {
    const Row p{{b.x + b.half * corners[i][0], b.y + b.half * corners[i][1]}};
    const Row q{{b.x + b.half * corners[(i + 1) % 4][0], b.y + b.half * corners[(i + 1) % 4][1]}};
    const double at_p = model.judge(p), at_q = model.judge(q);
    if (at_p > 0) cut.push_back({p[0], p[1]});
    if ((at_p > 0) == (at_q > 0)) continue;
    const Row middle = p + (q - p) * at_p / (at_p - at_q);
    cut.push_back({middle[0], middle[1]});
  }
  return cut;
}

void draw_background(demo::Svg& svg, const Panel& at, const Model& model) {
  const auto pixels = [&](std::vector<Point> points) {
    for (Point& p : points) p = at(p.x, p.y);
    return points;
  };
  const Box& b = at.box;
  const std::vector<Point> square = pixels({{b.x - b.half, b.y - b.half},
                                            {b.x + b.half, b.y - b.half},
                                            {b.x + b.half, b.y + b.half},
                                            {b.x - b.half, b.y + b.half}});
  svg.polygon(square, "poor");
  svg.polygon(pixels(judged_positive(model, b)), "good");
  svg.polygon(square, "frame");
}

void draw_tokens(demo::Svg& svg, const Panel& at, const crest::dynamics::Tokens& z, const Path& path) {
  for (Index i = 0; i < z.rows(); ++i) {
    const bool leads = std::find(path.leaders.begin(), path.leaders.end(), i) != path.leaders.end();
    svg.circle(at(z(i, 0), z(i, 1)), leads ? 5 : 3.5, leads ? "leader" : "token");
  }
}

void draw_words(demo::Svg& svg, const Panel& at, const Path& path, const std::vector<std::string>& words) {
  for (Index i = 0; i < path.tokens[0].rows(); ++i) {
    const bool leads = std::find(path.leaders.begin(), path.leaders.end(), i) != path.leaders.end();
    const Point p = at(path.tokens[0](i, 0), path.tokens[0](i, 1));
    const bool right = p.x > at.left + at.side / 2;
    svg.text({p.x + (right ? -7 : 7), p.y + 4}, words[i], leads ? "word lead" : "word",
             right ? demo::Anchor::end : demo::Anchor::start);
  }
}

}  // namespace

std::string accuracy_figure(const std::vector<Width>& widths) {
  constexpr std::pair<int, double> published[] = {{2, 0.79}, {4, 0.82}, {8, 0.85}, {16, 0.88}};
  demo::Svg svg(width, 330, "Accuracy against the number of dimensions");
  const Axes at{{1.7, 19, 70, 900, true}, {0.66, 0.9, 280, 40}};
  draw_axes(svg, at, widths);
  std::vector<Point> means, others;
  for (const Width& w : widths) {
    means.push_back(at(w.d, w.mean()));
    for (double a : w.accuracy) svg.circle(at(w.d, a), 4, "seed");
  }
  for (const auto& [d, accuracy] : published) others.push_back(at(d, accuracy));
  for (Point p : others) svg.circle(p, 3, "point");
  svg.polyline(others, "published");
  svg.polyline(means, "ours");
  svg.text({means.back().x + 14, means.back().y + 4}, "these reviews", "axis");
  svg.text({others.back().x + 14, others.back().y + 4}, "IMDb, published", "");
  return svg.str();
}

std::string path_figure(const Model& flat, const Reviews& reviews, const Review& review) {
  constexpr int shown[] = {0, 1, 3, 8};
  constexpr double first = 420, others = 200, gap = 13;
  const Path path = follow(flat, review);
  std::vector<std::string> words;
  for (int word : review.words) words.push_back(reviews.vocabulary[word]);
  demo::Svg svg(width, first + 40, "Tokens of a review in four layers");
  double left = 0;
  for (int layer : shown) {
    const Panel panel{left, 30 + (layer == 0 ? 0 : (first - others) / 2), layer == 0 ? first : others, Box(path)};
    draw_background(svg, panel, flat);
    draw_tokens(svg, panel, path.tokens[layer], path);
    if (layer == 0) draw_words(svg, panel, path, words);
    svg.text({left, panel.top - 9}, layer == 0 ? "words" : "layer " + std::to_string(layer), "axis");
    left += panel.side + gap;
  }
  return svg.str();
}

}  // namespace sentiment
