// Convex hulls in two and three dimensions: who lies inside, who is a vertex. Decided by signs of determinants without
// rounding errors: a token on an edge is on it.
//
// Differences of coordinates are taken in double. They are exact for floats whose exponents lie within 29 of each
// other, and then so is everything else. Determinants a question of n points takes, at worst: n^2 in the plane, n^3 in
// space; hull_vertices() asks n questions. A line or plane that has points on both sides is given up at once, which
// mostly spares a factor of n. Meant for tens to hundreds of points.
#pragma once

#include <array>
#include <cmath>

#include "crest/dynamics/step.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace dynamics {
namespace detail {

/// A sum of doubles without rounding errors: an expansion of parts that do not overlap (Shewchuk 1997, GROW-EXPANSION).
class ExactSum {
 public:
  void add(double x) {
    for (double& part : parts_) {
      const double sum = x + part, back = sum - x;
      part = (x - (sum - back)) + (part - back);
      x = sum;
    }
    parts_[size_++] = x;
  }
  /// Adds x y; the rounding error of a product is a double.
  void add_product(double x, double y) {
    const double p = x * y;
    add(p), add(std::fma(x, y, -p));
  }
  void add_product(double x, double y, double z) {
    const double p = x * y;
    add_product(p, z), add_product(std::fma(x, y, -p), z);
  }
  int sign() const {
    for (int i = size_; i-- > 0;)
      if (parts_[i] != 0) return parts_[i] > 0 ? 1 : -1;
    return 0;
  }

 private:
  std::array<double, 24> parts_{};  ///< the smallest first; six products of three numbers
  int size_ = 0;
};

/// Points relative to the one asked about.
using Around = std::vector<std::array<double, 3>>;

/// On which side of the line through the origin and a does b lie, in the plane of axes x and y?
inline int side(const std::array<double, 3>& a, const std::array<double, 3>& b, int x, int y) {
  ExactSum det;
  det.add_product(a[x], b[y]), det.add_product(-a[y], b[x]);
  return det.sign();
}

/// On which side of the plane through the origin, a and b does c lie?
inline int side(const std::array<double, 3>& a, const std::array<double, 3>& b, const std::array<double, 3>& c) {
  ExactSum det;
  for (int i = 0; i < 3; ++i) {
    const int j = (i + 1) % 3, k = (i + 2) % 3;
    det.add_product(a[i], b[j], c[k]), det.add_product(-a[i], b[k], c[j]);
  }
  return det.sign();
}

/// Whether no two points lie on different sides; those on neither go to `on`.
template <class Side>
bool supports(const Around& points, Around& on, Side&& side) {
  bool left = false, right = false;
  on.clear();
  for (const auto& p : points) {
    const int s = side(p);
    left |= s<0, right |= s> 0;
    if (left && right) return false;
    if (s == 0) on.push_back(p);
  }
  return true;
}

/// Is the origin between points that lie on a line through it?
inline bool in_segment(const Around& points) {
  for (const auto& p : points)
    for (const auto& q : points)
      if (p[0] * q[0] < 0 || p[1] * q[1] < 0 || p[2] * q[2] < 0) return true;
  return false;
}

/// Is the origin in the hull of points in a plane, none of them the origin? Not beyond a line that all lie on one side
/// of; on such a line the points on it decide.
inline bool in_polygon(const Around& points, int x, int y) {
  Around on;
  for (const auto& a : points)
    if (supports(points, on, [&](const auto& p) { return side(a, p, x, y); })) return in_segment(on);
  return !points.empty();
}

/// Two axes in whose plane a and b are not on a line with the origin, or {-1, -1}.
inline std::array<int, 2> plane_of(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  for (int x = 0; x < 3; ++x)
    if (side(a, b, x, (x + 1) % 3) != 0) return {x, (x + 1) % 3};
  return {-1, -1};
}

/// The same in space, one dimension up.
inline bool in_polyhedron(const Around& points) {
  Around on;
  bool flat = true;
  for (std::size_t i = 0; i < points.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const auto [x, y] = plane_of(points[i], points[j]);
      if (x < 0) continue;
      flat = false;
      if (supports(points, on, [&](const auto& p) { return side(points[i], points[j], p); }))
        return in_polygon(on, x, y);
    }
  return flat ? in_segment(points) : true;
}

}  // namespace detail

/// Whether `point` lies in the convex hull of the rows of `points`, its boundary included. Both have 2 or 3 columns.
inline bool in_hull(const Tokens& points, const Eigen::RowVectorXf& point) {
  detail::Around around;
  for (Index i = 0; i < points.rows(); ++i) {
    std::array<double, 3> at{};
    for (Index x = 0; x < points.cols(); ++x) at[x] = double{points(i, x)} - point[x];
    if (at == std::array<double, 3>{}) return true;
    around.push_back(at);
  }
  return points.cols() == 2 ? detail::in_polygon(around, 0, 1) : detail::in_polyhedron(around);
}

/// The rows of `points` that are vertices of their hull; of copies the first. 2 or 3 columns.
inline std::vector<Index> hull_vertices(const Tokens& points) {
  std::vector<Index> vertices;
  for (Index i = 0; i < points.rows(); ++i) {
    std::vector<Index> others;
    bool first = true;
    for (Index j = 0; j < points.rows(); ++j)
      if (points.row(j) != points.row(i))
        others.push_back(j);
      else
        first &= j >= i;
    if (first && !in_hull(points(others, Eigen::all), points.row(i))) vertices.push_back(i);
  }
  return vertices;
}

}  // namespace dynamics
}  // namespace CREST_ABI
}  // namespace crest
