// The three-part model: words become tokens, tokens move by hardmax dynamics with A = I, and their mean is judged.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "reviews.hpp"

namespace sentiment {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Row = Eigen::RowVectorXd;

struct Model {
  Matrix words;      ///< [vocabulary][d], the encoder
  Row decoder;       ///< [d]
  double bias = 0;   ///< of the decoder
  double log_alpha;  ///< step size of every layer; its logarithm is learnt, so that it stays above 0
  int layers = 8;

  double alpha() const { return std::exp(log_alpha); }
  /// How far a token moves towards what it is drawn to.
  double gain() const { return alpha() / (1 + alpha()); }
  Matrix encode(const std::vector<int>& review) const;
  /// Above 0: positive.
  double judge(const Matrix& tokens) const { return decoder.dot(tokens.colwise().mean()) + bias; }
};

/// Random words of length about `spread` sqrt(d).
Model random_model(int vocabulary, int d, double spread, std::uint64_t seed);

/// hardmax: row i is 1 / |C_i| on C_i.
Matrix hardmax_weights(const Matrix& tokens);

/// What the layers did to one review.
struct Pass {
  std::vector<Matrix> tokens;   ///< before each layer, and behind the last
  std::vector<Matrix> weights;  ///< of each layer
  double score = 0;
};
Pass forward(const Model& model, const std::vector<int>& review);

/// Derivatives of a loss; `words` only in the rows of `touched`.
struct Gradient {
  Matrix words;
  std::vector<int> touched;  ///< with repetitions
  Row decoder;
  double bias = 0, log_alpha = 0;

  explicit Gradient(const Model& model)
      : words(Matrix::Zero(model.words.rows(), model.words.cols())), decoder(Row::Zero(model.decoder.size())) {}
  void clear();
};

/// -log of the probability that the model gives to the right answer; adds `share` times its derivatives to `gradient`.
/// The sets C_i are taken as constant: they are so almost everywhere, and where they jump there is no derivative.
double backward(const Model& model, const Review& review, double share, Gradient& gradient);

}  // namespace sentiment
