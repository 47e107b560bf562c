// Eigen matrices as views: rows are keys (or queries), head after head; columns are head_dim. Nothing is copied.

#include "common/toy.hpp"
#include "crest/eigen.hpp"

using crest::Index;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Softmax attention of one head as one writes it in Eigen.
Matrix attention_in_eigen(const Eigen::Ref<const Matrix>& q, const Eigen::Ref<const Matrix>& k,
                          const Eigen::Ref<const Matrix>& v) {
  Matrix weights = q * k.transpose() / std::sqrt(static_cast<float>(q.cols()));
  weights.colwise() -= weights.rowwise().maxCoeff().eval();
  weights = weights.array().exp();
  weights.array().colwise() /= weights.rowwise().sum().array().eval();
  return weights * v;
}

int main() {
  constexpr Index heads = 4, kv_heads = 2, queries = 5, keys = 700, d = 80;
  std::srand(1);
  const Matrix q = 3 * Matrix::Random(heads * queries, d);
  const Matrix k = Matrix::Random(kv_heads * keys, d), v = Matrix::Random(kv_heads * keys, d);
  Matrix o(heads * queries, d), expected(heads * queries, d);

  const crest::Problem<float> problem{.q = crest::view(q, heads),
                                      .k = crest::view(k, kv_heads),
                                      .v = crest::view(v, kv_heads),
                                      .o = crest::view(o, heads)};
  const crest::Report report = crest::attention(problem);
  if (!report.ok()) std::puts(crest::to_string(report.status));

  for (Index head = 0; head < heads; ++head) {
    const Index kv_head = head / (heads / kv_heads);
    expected.middleRows(head * queries, queries) = attention_in_eigen(
        q.middleRows(head * queries, queries), k.middleRows(kv_head * keys, keys), v.middleRows(kv_head * keys, keys));
  }
  const double error = (o - expected).norm() / expected.norm();
  std::printf("%td rows of %td keys: crest and Eigen differ by %.1e\n", report.rows, keys, error);
  bool good = demo::check(report.ok() && error <= 1e-5, "they agree");

  const Eigen::Matrix<Eigen::half, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> k16 = k.cast<Eigen::half>(),
                                                                                    v16 = v.cast<Eigen::half>();
  const crest::Problem<crest::f16> half{.q = crest::view(q, heads),
                                        .k = crest::view(k16, kv_heads),
                                        .v = crest::view(v16, kv_heads),
                                        .o = crest::view(o, heads)};
  good &= demo::check(crest::attention(half).ok(), "a cache of Eigen::half is a cache of f16");
  const double rounded = (o - expected).norm() / expected.norm();
  std::printf("16-bit keys and values: off by %.1e\n", rounded);
  good &= demo::check(rounded > error && rounded <= 3e-3, "off by the rounding of the cache, no more");
  return good ? 0 : 1;
}
