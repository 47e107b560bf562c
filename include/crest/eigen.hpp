// Eigen matrices, maps and blocks as views. A matrix holds one row per key (or query), head after head; its columns are
// head_dim, contiguous (row-major). Needs Eigen 3.4; nothing is copied.
#pragma once

#include <Eigen/Core>

#include "crest/attention.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

template <class Scalar>
struct Storage {
  using type = Scalar;
};
template <>
struct Storage<Eigen::half> {
  using type = f16;
};
template <>
struct Storage<Eigen::bfloat16> {
  using type = bf16;
};

/// [heads, rows / heads, cols] of a matrix whose data lie at `data`.
template <class T, class Matrix>
TensorView<T, 3> matrix_view(T* data, const Matrix& m, Index heads) {
  static_assert(Matrix::IsRowMajor || Matrix::ColsAtCompileTime == 1,
                "crest: row-major Eigen matrices only (rows are keys)");
  const Index rows = m.rows() / heads, pitch = m.outerStride();
  return {data, {heads, rows, m.cols()}, {rows * pitch, pitch, m.innerStride()}};
}

}  // namespace detail

/// Storage type of an Eigen scalar: float, f16 for Eigen::half, bf16 for Eigen::bfloat16.
template <class Derived>
using EigenElement = typename detail::Storage<typename Derived::Scalar>::type;

/// Read-only view [heads, rows / heads, cols] of a row-major Eigen expression with memory of its own (Matrix, Map,
/// Block). `heads` must divide the rows. The matrix must outlive the view.
template <class Derived>
TensorView<const EigenElement<Derived>, 3> view(const Eigen::MatrixBase<Derived>& matrix, Index heads = 1) {
  const auto* data = reinterpret_cast<const EigenElement<Derived>*>(matrix.derived().data());
  return detail::matrix_view(data, matrix.derived(), heads);
}

/// Writable view, for outputs.
template <class Derived>
TensorView<EigenElement<Derived>, 3> view(Eigen::MatrixBase<Derived>& matrix, Index heads = 1) {
  auto* data = reinterpret_cast<EigenElement<Derived>*>(matrix.derived().data());
  return detail::matrix_view(data, matrix.derived(), heads);
}

}  // namespace CREST_ABI
}  // namespace crest
