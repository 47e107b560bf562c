#include "speed.hpp"

#include "../common/timing.hpp"

namespace study {
namespace {

namespace dyn = crest::dynamics;

/// Hardmax as one writes it in Eigen: all scores, their maxima, equal weights, a product. The matrices are kept from
/// step to step: fresh ones of this size cost more than what is done with them.
struct Dense {
  Tokens scores, weights, means;

  void attend(const Eigen::Ref<const Tokens>& queries, const Tokens& z, const Eigen::MatrixXf& a) {
    scores.noalias() = (queries * a).eval() * z.transpose();
    const Eigen::VectorXf highest = scores.rowwise().maxCoeff();
    weights = ((scores.colwise() - highest).array() >= 0).cast<float>();
    means.noalias() = weights * z;
    means.array().colwise() /= weights.rowwise().sum().array();
  }
};

/// The same for 32 tokens at a time, so that scores and weights stay in the cache.
void attend_tiled(Dense& dense, Tokens& means, const Tokens& z, const Eigen::MatrixXf& a) {
  constexpr Index tile = 32;
  means.resize(z.rows(), z.cols());
  for (Index i = 0; i < z.rows(); i += tile) {
    const Index rows = std::min(tile, z.rows() - i);
    dense.attend(z.middleRows(i, rows), z, a);
    means.middleRows(i, rows) = dense.means;
  }
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
  Dense whole, part;
  Tokens means;
  s.tiled = demo::best_seconds(repeat, 1, [&] { attend_tiled(part, means, z, start.rule.a); });
  if (dense) s.dense = demo::best_seconds(repeat, 1, [&] { whole.attend(z, z, start.rule.a); });
  s.distance = (means - seen.mean).norm() / seen.mean.norm();
  return s;
}

}  // namespace study
