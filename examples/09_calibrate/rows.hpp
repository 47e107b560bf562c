// Rows of queries and keys as Eigen matrices.
#pragma once

#include <Eigen/Core>

#include "crest/crest.hpp"

namespace calibrate {

/// Queries of `count` heads, one below the other.
inline Eigen::MatrixXd query_rows(const crest::TensorView<const float, 3>& q, crest::Index first, crest::Index count) {
  Eigen::MatrixXd rows(count * q.extent(1), q.extent(2));
  for (crest::Index r = 0; r < rows.rows(); ++r)
    for (crest::Index c = 0; c < rows.cols(); ++c) rows(r, c) = q(first + r / q.extent(1), r % q.extent(1), c);
  return rows;
}

/// Keys of one head, each less the mean of its block of 64; an unfinished block is left out, as a KeySketch does.
inline Eigen::MatrixXd residual_rows(const crest::TensorView<const crest::f16, 3>& k, crest::Index head) {
  constexpr crest::Index block = crest::SketchView::block_keys;
  Eigen::MatrixXd rows(k.extent(1) / block * block, k.extent(2));
  for (crest::Index r = 0; r < rows.rows(); ++r)
    for (crest::Index c = 0; c < rows.cols(); ++c) rows(r, c) = crest::to_float(k(head, r, c));
  for (crest::Index r = 0; r < rows.rows(); r += block) {
    auto part = rows.middleRows(r, block);
    const Eigen::RowVectorXd mean = part.colwise().mean();
    part.rowwise() -= mean;
  }
  return rows;
}

/// Sum of outer products of the rows with themselves, over their number.
inline Eigen::MatrixXd second_moment(const Eigen::MatrixXd& rows) {
  return rows.transpose() * rows / static_cast<double>(rows.rows());
}

}  // namespace calibrate
