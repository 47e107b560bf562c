#include "model.hpp"

#include <cmath>
#include <random>

namespace sentiment {

Matrix Model::encode(const std::vector<int>& review) const { return words(review, Eigen::all); }

Model random_model(int vocabulary, int d, double spread, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  const auto draw = [&] { return normal(random); };
  Model model;
  model.words = Matrix::NullaryExpr(vocabulary, d, draw) * spread;
  model.decoder = Row::NullaryExpr(d, draw) / std::sqrt(static_cast<double>(d));
  model.log_alpha = std::log(0.3);
  return model;
}

Matrix hardmax_weights(const Matrix& tokens) {
  const Matrix scores = tokens * tokens.transpose();
  Matrix weights = ((scores.colwise() - scores.rowwise().maxCoeff()).array() >= 0).cast<double>();
  weights.array().colwise() /= weights.rowwise().sum().array().eval();
  return weights;
}

Pass forward(const Model& model, const std::vector<int>& review) {
  Pass pass;
  pass.tokens.push_back(model.encode(review));
  for (int layer = 0; layer < model.layers; ++layer) {
    const Matrix& z = pass.tokens.back();
    pass.weights.push_back(hardmax_weights(z));
    pass.tokens.push_back(z + model.gain() * (pass.weights.back() * z - z));
  }
  pass.score = model.judge(pass.tokens.back());
  return pass;
}

void Gradient::clear() {
  for (int word : touched) words.row(word).setZero();
  touched.clear();
  decoder.setZero();
  bias = log_alpha = 0;
}

double backward(const Model& model, const Review& review, double share, Gradient& gradient) {
  const Pass pass = forward(model, review.words);
  const double sign = review.positive ? 1 : -1, wrong = 1 / (1 + std::exp(sign * pass.score));
  const double error = -sign * wrong * share, gain = model.gain();
  const auto n = static_cast<Eigen::Index>(review.words.size());
  gradient.decoder += error * pass.tokens.back().colwise().mean();
  gradient.bias += error;
  Matrix g = (error / static_cast<double>(n) * model.decoder).replicate(n, 1);
  double by_gain = 0;
  for (int layer = model.layers; layer-- > 0;) {
    const Matrix &z = pass.tokens[layer], &w = pass.weights[layer];
    by_gain += g.cwiseProduct(w * z - z).sum();
    g = ((1 - gain) * g + gain * w.transpose() * g).eval();
  }
  gradient.log_alpha += by_gain * gain * (1 - gain);
  for (Eigen::Index i = 0; i < n; ++i) gradient.words.row(review.words[i]) += g.row(i);
  gradient.touched.insert(gradient.touched.end(), review.words.begin(), review.words.end());
  return -std::log(1 - wrong);
}

}  // namespace sentiment
