#include "speed.hpp"

#include "../common/timing.hpp"

namespace study {
namespace {

namespace dyn = crest::dynamics;

/// What `queries` are drawn to, as one writes it in Eigen: all scores, their maxima, equal weights, a product.
Tokens dense_means(const Eigen::Ref<const Tokens>& queries, const Tokens& z, const Eigen::MatrixXf& a) {
  const Tokens scores = queries * a * z.transpose();
  const Eigen::VectorXf highest = scores.rowwise().maxCoeff();
  const Tokens weights = ((scores.colwise() - highest).array() >= 0).cast<float>();
  Tokens means = weights * z;
  means.array().colwise() /= weights.rowwise().sum().array();
  return means;
}

/// The same for 64 tokens at a time, so that scores and weights stay in the cache.
Tokens tiled_means(const Tokens& z, const Eigen::MatrixXf& a) {
  constexpr Index tile = 64;
  Tokens means(z.rows(), z.cols());
  for (Index i = 0; i < z.rows(); i += tile) {
    const Index rows = std::min(tile, z.rows() - i);
    means.middleRows(i, rows) = dense_means(z.middleRows(i, rows), z, a);
  }
  return means;
}

double time_followers(Tokens z, const Rule& rule) {
  constexpr int steps = 20;
  dyn::Followers followers;
  must_be_ok(followers.step(z, rule));
  return demo::best_seconds(1, 1,
                            [&] {
                              for (int i = 0; i < steps; ++i) must_be_ok(followers.step(z, rule));
                            }) /
         steps;
}

}  // namespace

Speed measure_speed(Index n, Index d, bool dense) {
  const Start start = random_start(n, d, n + d);
  const Tokens& z = start.tokens;
  const int repeat = n > 50000 ? 1 : 3;
  Speed s{.n = n, .d = d};
  dyn::Alignment seen;
  s.crest = demo::best_seconds(repeat, 1, [&] { must_be_ok(dyn::align(z, z, start.rule, dyn::hardmax, seen)); });
  s.followers = time_followers(z, start.rule);
  Tokens means;
  s.tiled = demo::best_seconds(repeat, 1, [&] { means = tiled_means(z, start.rule.a); });
  if (dense) s.dense = demo::best_seconds(repeat, 1, [&] { means = dense_means(z, z, start.rule.a); });
  s.distance = (means - seen.mean).norm() / seen.mean.norm();
  return s;
}

}  // namespace study
