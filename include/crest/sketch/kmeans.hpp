// Spherical k-means: rows grouped by direction. Dhillon and Modha 2001, "Concept decompositions for large sparse text
// data using clustering".
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "crest/core/aligned_bytes.hpp"
#include "crest/core/rotation.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

/// Scales a row to length 1; zeros stay.
inline void normalise(float* x, Index dim, Index stride = 1) {
  float square = 0;
  for (Index i = 0; i < dim; ++i) square += x[i * stride] * x[i * stride];
  const float scale = square > 0 ? 1 / std::sqrt(square) : square;  // NaN shows
  for (Index i = 0; i < dim; ++i) x[i * stride] *= scale;
}

/// One clustering of `rows` rows into `clusters` clusters, 1..rows. Rows that are not finite go somewhere. The same
/// rows and seed give the same clusters.
class SphericalKMeans {
 public:
  struct Shape {
    Index rows, dim, clusters;
  };

  /// Floats of scratch memory that are needed.
  static Index floats(const Shape& s) { return s.rows * (s.dim + 1) + s.clusters * (s.dim + 1); }

  SphericalKMeans(const Shape& shape, float* scratch)
      : s_(shape),
        units_(scratch),
        centers_(units_ + s_.rows * s_.dim),
        scores_(centers_ + s_.clusters * s_.dim),
        cluster_(reinterpret_cast<std::int32_t*>(scores_ + s_.clusters)) {}

  /// Where row i is to be put before run().
  float* row(Index i) { return units_ + i * s_.dim; }
  /// The cluster of row i, after run().
  Index cluster(Index i) const { return cluster_[i]; }

  /// Starts from a row picked at random from each of `clusters` stretches of rows, then moves the centres `rounds`
  /// times.
  void run(Index rounds, std::uint64_t seed) {
    for (Index i = 0; i < s_.rows; ++i) normalise(row(i), s_.dim);
    for (Index c = 0; c < s_.clusters; ++c) {
      const Index first = c * s_.rows / s_.clusters, count = (c + 1) * s_.rows / s_.clusters - first;
      const std::uint64_t pick = mix(seed + static_cast<std::uint64_t>(c)) % static_cast<std::uint64_t>(count);
      for (Index x = 0; x < s_.dim; ++x) center(c, x) = row(first + static_cast<Index>(pick))[x];
    }
    assign();
    for (Index round = 0; round < rounds; ++round) {
      move_centers();
      assign();
    }
  }

 private:
  /// Centres lie side by side, so that a row meets all of them in one loop over lanes.
  float& center(Index c, Index x) { return centers_[x * s_.clusters + c]; }

  /// Puts every row into the cluster whose centre is nearest in angle; the first of equals.
  void assign() {
    for (Index i = 0; i < s_.rows; ++i) {
      std::fill(scores_, scores_ + s_.clusters, 0.0f);
      for (Index x = 0; x < s_.dim; ++x) {
        const float u = row(i)[x];
        const float* centers = centers_ + x * s_.clusters;
        for (Index c = 0; c < s_.clusters; ++c) scores_[c] += u * centers[c];
      }
      cluster_[i] = best();
    }
  }
  /// The cluster with the highest score; NaN is not one.
  std::int32_t best() const {
    Index best = 0;
    float highest = -std::numeric_limits<float>::infinity();
    for (Index c = 0; c < s_.clusters; ++c)
      if (scores_[c] > highest) highest = scores_[c], best = c;
    return static_cast<std::int32_t>(best);
  }
  /// A centre becomes the direction of the sum of its rows; one without rows becomes zero and stays empty.
  void move_centers() {
    std::fill(centers_, centers_ + s_.clusters * s_.dim, 0.0f);
    for (Index i = 0; i < s_.rows; ++i)
      for (Index x = 0; x < s_.dim; ++x) center(cluster_[i], x) += row(i)[x];
    for (Index c = 0; c < s_.clusters; ++c) normalise(centers_ + c, s_.dim, s_.clusters);
  }

  Shape s_;
  float* units_;           ///< [rows][dim]
  float* centers_;         ///< [dim][clusters]
  float* scores_;          ///< [clusters]
  std::int32_t* cluster_;  ///< [rows]
};

}  // namespace detail
}  // namespace CREST_ABI
}  // namespace crest
