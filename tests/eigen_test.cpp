// Eigen matrices as views: the same memory, and the answer that Eigen's own arithmetic gives in double.
#include "crest/eigen.hpp"

#include <gtest/gtest.h>

#include <Eigen/Dense>

namespace {

using crest::Index;

template <class Scalar>
using Rows = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class Scalar>
Rows<Scalar> random_rows(Index rows, Index cols, int seed) {
  std::srand(seed);
  return Rows<float>::Random(rows, cols).cast<Scalar>();
}

/// softmax(q k^T / sqrt(d)) v for one head.
Eigen::MatrixXd softmax_attention(const Eigen::MatrixXd& q, const Eigen::MatrixXd& k, const Eigen::MatrixXd& v) {
  const Eigen::MatrixXd scores = q * k.transpose() / std::sqrt(static_cast<double>(q.cols()));
  Eigen::MatrixXd weights = (scores.colwise() - scores.rowwise().maxCoeff()).array().exp();
  weights.array().colwise() /= weights.rowwise().sum().array().eval();
  return weights * v;
}

/// One KV head, three query heads of two queries each.
template <class Scalar>
void expect_attention_agrees() {
  const Rows<float> q = random_rows<float>(6, 20, 1);
  const Rows<Scalar> k = random_rows<Scalar>(300, 20, 2), v = random_rows<Scalar>(300, 12, 3);
  Rows<float> o(6, 12);
  const crest::Problem<crest::EigenElement<Rows<Scalar>>> problem{
      .q = crest::view(q, 3), .k = crest::view(k), .v = crest::view(v), .o = crest::view(o, 3)};
  ASSERT_TRUE(crest::attention(problem).ok());
  const Eigen::MatrixXd wanted =
      softmax_attention(q.template cast<double>(), k.template cast<double>(), v.template cast<double>());
  EXPECT_LE((o.cast<double>() - wanted).norm(), 2e-6 * wanted.norm());
}

TEST(Eigen, MatricesOfFloat) { expect_attention_agrees<float>(); }
TEST(Eigen, MatricesOfHalf) { expect_attention_agrees<Eigen::half>(); }
TEST(Eigen, MatricesOfBfloat16) { expect_attention_agrees<Eigen::bfloat16>(); }

TEST(Eigen, ViewsShareMemory) {
  Rows<float> m = random_rows<float>(6, 5, 4);
  const auto t = crest::view(m, 2);
  EXPECT_EQ(t.extent(0), 2);
  EXPECT_EQ(t.extent(1), 3);
  EXPECT_EQ(t.extent(2), 5);
  EXPECT_EQ(&t(1, 2, 4), &m(5, 4));
}

TEST(Eigen, BlocksKeepTheirStrides) {
  Rows<float> m = random_rows<float>(8, 10, 5);
  auto block = m.block(2, 3, 4, 5);
  const auto t = crest::view(block, 2);
  EXPECT_EQ(&t(1, 1, 4), &m(5, 7));
  EXPECT_EQ(t.stride(1), 10);
}

}  // namespace
