#include "train.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

namespace sentiment {
namespace {

/// Adam (Kingma and Ba 2015) for the parameters of a Model. Words that a batch does not hold are left alone.
class Adam {
 public:
  Adam(Model& model, double rate) : model_(model), first_(model), second_(model), rate_(rate) {}

  void step(const Gradient& g) {
    ++steps_;
    for (int word : std::set<int>(g.touched.begin(), g.touched.end()))
      update(model_.words.row(word), g.words.row(word), first_.words.row(word), second_.words.row(word));
    update(model_.decoder, g.decoder, first_.decoder, second_.decoder);
    update(scalar(model_.bias), scalar(g.bias), scalar(first_.bias), scalar(second_.bias));
    update(scalar(model_.log_alpha), scalar(g.log_alpha), scalar(first_.log_alpha), scalar(second_.log_alpha));
  }

 private:
  static Eigen::Map<Row> scalar(double& x) { return {&x, 1}; }
  static Eigen::Map<const Row> scalar(const double& x) { return {&x, 1}; }

  void update(Eigen::Ref<Row> at, const Eigen::Ref<const Row>& g, Eigen::Ref<Row> mean, Eigen::Ref<Row> square) const {
    constexpr double keep_mean = 0.9, keep_square = 0.999;
    mean = keep_mean * mean + (1 - keep_mean) * g;
    square = keep_square * square + (1 - keep_square) * g.cwiseAbs2();
    const double unbias_mean = 1 - std::pow(keep_mean, steps_), unbias_square = 1 - std::pow(keep_square, steps_);
    at.array() -= rate_ * (mean.array() / unbias_mean) / ((square.array() / unbias_square).sqrt() + 1e-8);
  }

  Model& model_;
  Gradient first_, second_;  ///< moments
  double rate_;
  int steps_ = 0;
};

/// A review with some of its words left out, never all.
Review thinned(const Review& review, double drop, std::mt19937_64& random) {
  std::uniform_real_distribution<double> uniform;
  Review thin{{}, review.positive};
  for (int word : review.words)
    if (uniform(random) >= drop) thin.words.push_back(word);
  return thin.words.empty() ? review : thin;
}

}  // namespace

Model train(const Reviews& reviews, const TrainOptions& options, const OnEpoch& on_epoch) {
  std::mt19937_64 random(options.seed);
  Model model = random_model(static_cast<int>(reviews.vocabulary.size()), options.d, options.spread, random());
  Adam adam(model, options.rate);
  Gradient gradient(model);
  std::vector<std::size_t> order(reviews.train.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    double loss = 0;
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t at = 0; at < order.size(); at += options.batch) {
      const std::size_t end = std::min(order.size(), at + options.batch);
      gradient.clear();
      for (std::size_t i = at; i < end; ++i)
        loss += backward(model, thinned(reviews.train[order[i]], options.drop, random),
                         1.0 / static_cast<double>(end - at), gradient);
      adam.step(gradient);
    }
    if (on_epoch) on_epoch(epoch, loss / static_cast<double>(order.size()));
  }
  return model;
}

}  // namespace sentiment
