#include "fit.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "rows.hpp"

namespace calibrate {
namespace {

using crest::Index;
using crest::SketchBasis;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Width of a field, and the squared error a unit Gaussian is left with (Max 1960).
struct Width {
  int bits;
  double error;
};
constexpr Width widths[] = {{0, 1}, {1, 0.3634}, {2, 0.1188}, {4, 0.01154}};

/// Directions of one KV head, the most valuable first.
struct Axes {
  VectorXd variance;    ///< of a key along each, in nats^2 of score
  MatrixXd key, query;  ///< [head_dim][head_dim], a direction a row: k . q = (key k) . (query q)
};

Axes find_axes(const MatrixXd& queries, const MatrixXd& residuals, double ridge) {
  const Index dim = queries.cols();
  MatrixXd metric = second_moment(queries);
  metric.diagonal().array() += ridge * metric.trace() / static_cast<double>(dim);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> whitened(metric);
  const MatrixXd root = whitened.operatorSqrt();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> keys(root * second_moment(residuals) * root);
  const MatrixXd rows = keys.eigenvectors().rowwise().reverse().transpose();
  return {keys.eigenvalues().reverse().cwiseMax(0), rows * root, rows * whitened.operatorInverseSqrt()};
}

/// Variance of the f-th field of four directions, summed over the heads.
double variance(const std::vector<Axes>& heads, Index f) {
  double sum = 0;
  for (const Axes& head : heads)
    sum += head.variance.segment(4 * f, std::min<Index>(4, head.variance.size() - 4 * f)).sum();
  return sum;
}

/// Reverse water-filling: `bits` for all fields together, each time to the field that gains most per bit. Fields
/// without bits are left out. Variances fall, so widths do too, and fill whole dwords.
std::vector<std::uint8_t> share_bits(const std::vector<Axes>& heads, int bits) {
  std::vector<std::size_t> chosen(static_cast<std::size_t>((heads[0].variance.size() + 3) / 4));
  for (int left = bits; left > 0;) {
    double most = -1;
    std::size_t best = 0;
    for (std::size_t f = 0; f < chosen.size(); ++f) {
      if (chosen[f] + 1 == std::size(widths)) continue;
      const Width &now = widths[chosen[f]], &next = widths[chosen[f] + 1];
      const double gain = variance(heads, static_cast<Index>(f)) * (now.error - next.error) / (next.bits - now.bits);
      if (next.bits - now.bits <= left && gain > most) most = gain, best = f;
    }
    if (most < 0) break;
    left -= widths[chosen[best] + 1].bits - widths[chosen[best]].bits;
    ++chosen[best];
  }
  std::vector<std::uint8_t> shared;
  for (std::size_t c : chosen)
    if (c > 0) shared.push_back(static_cast<std::uint8_t>(widths[c].bits));
  return shared;
}

/// Appends the rows of one head. Directions beyond head_dim pad the last field with zeros.
void append_head(const Axes& head, SketchBasis& basis) {
  const double least = 1e-6 * std::sqrt(head.variance(0));
  for (Index i = 0; i < basis.mapped; ++i) {
    const bool pad = i >= basis.head_dim;
    const double size = pad ? 0 : std::max({std::sqrt(head.variance(i)), least, 1e-30});
    const double step = size * crest::gaussian_step(basis.bits[static_cast<std::size_t>(i / 4)]);
    for (Index c = 0; c < basis.head_dim; ++c) {
      basis.key_matrix.push_back(pad ? 0.0f : static_cast<float>(head.key(i, c) / step));
      basis.query_matrix.push_back(pad ? 0.0f : static_cast<float>(head.query(i, c) * step));
    }
  }
}

/// Field bits for `per_dimension` bits of head_dim dimensions: whole dwords, which hold four fields' bytes of 8 bits.
int field_bits(double per_dimension, Index head_dim) {
  return 8 * std::max(1, static_cast<int>(std::lround(per_dimension * static_cast<double>(head_dim) / 32)));
}

}  // namespace

SketchBasis fit(const Sample& sample, const FitOptions& options) {
  const Index kv_heads = sample.k.extent(0), head_dim = sample.k.extent(2), group = sample.q.extent(0) / kv_heads;
  std::vector<Axes> heads;
  for (Index h = 0; h < kv_heads; ++h)
    heads.push_back(find_axes(query_rows(sample.q, h * group, group), residual_rows(sample.k, h), options.ridge));
  SketchBasis basis{.kv_heads = kv_heads, .head_dim = head_dim};
  basis.bits = share_bits(heads, field_bits(options.bits, head_dim));
  basis.mapped = 4 * static_cast<Index>(basis.bits.size());
  for (const Axes& head : heads) append_head(head, basis);
  return basis;
}

}  // namespace calibrate
