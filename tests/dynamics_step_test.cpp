// Steps of token dynamics: against the formulas in double, by hand, and what must hold for any tokens.
#include <Eigen/QR>
#include <numeric>

#include "support/dynamics.hpp"

namespace {

using crest::Index;
using crest::Status;
using crest::dynamics::Stop;
using test::Alignment;
using test::Rule;
using test::Tokens;
namespace dyn = crest::dynamics;

const auto highest_alone = [](const auto& s, double peak) { return (s >= peak - 1e-6).template cast<double>().eval(); };

void expect_near(const Eigen::MatrixXf& found, const Eigen::MatrixXd& wanted, double tolerance) {
  const double off = (found.cast<double>() - wanted).norm() / wanted.norm();
  EXPECT_LE(off, tolerance);
}

TEST(Align, IsWhatTheFormulasSay) {
  for (const auto& [n, d] : {std::pair<Index, Index>{1, 1}, {3, 2}, {203, 3}, {500, 17}}) {
    const Tokens z = test::random_tokens(n, d, n + d);
    const Rule rule = test::random_rule(d, d);
    const auto expect = [&](const auto& normaliser, auto&& weigh) {
      expect_near(test::aligned(z, rule, normaliser).mean, test::reference_means(z, rule, weigh), 1e-5);
    };
    expect(dyn::hardmax, highest_alone);
    expect(dyn::localmax(0.7f),
           [](const auto& s, double peak) { return (s >= peak - 0.7f).template cast<double>().eval(); });
    expect(dyn::localmax_relative(0.3f), [](const auto& s, double peak) {
      return (s >= peak - 0.3f * std::abs(peak)).template cast<double>().eval();
    });
    expect(dyn::softmax(0.5f), [](const auto& s, double peak) { return ((s - peak) / 0.5).exp().eval(); });
  }
}

TEST(Align, CountsTheSetAndNamesItsOnlyToken) {
  const Tokens z = test::random_tokens(301, 2, 5);
  const Rule rule = test::plain_rule(2);
  for (float sensitivity : {0.0f, 0.2f}) {
    Tokens w;
    ASSERT_EQ(dyn::weights(z, rule, dyn::localmax(sensitivity), w), Status::ok);
    const Alignment seen = test::aligned(z, rule, dyn::localmax(sensitivity));
    for (Index i = 0; i < 301; ++i) {
      Index most;
      w.row(i).maxCoeff(&most);
      EXPECT_EQ(seen.size[i], (w.row(i).array() > 0).count());
      EXPECT_EQ(seen.target[i], seen.size[i] == 1 ? most : -1);
    }
  }
}

/// Sets sought among the longest tokens first, and among all.
template <class N>
void expect_same_sets(const Tokens& z, const Rule& rule, const N& normaliser) {
  const Alignment seen = test::aligned(z, rule, normaliser);
  Alignment all;
  crest::Serial serial;
  ASSERT_EQ(dyn::detail::attend(z, rule, dyn::detail::keys_of(z, rule), z.rows(), normaliser, all, serial), Status::ok);
  EXPECT_EQ(seen.size, all.size);
  EXPECT_EQ(seen.target, all.target);
  EXPECT_LE((seen.mean - all.mean).norm(), 1e-6f * all.mean.norm());
}

TEST(Align, LongestFirstFindsTheSetsOfAFullScan) {
  for (Index d : {1, 2, 3, 16}) {
    const Rule rule = test::random_rule(d, d);
    Tokens z = test::random_tokens(4001, d, d);
    z.topRows(20) *= 0.01f;
    expect_same_sets(z, rule, dyn::hardmax);
    for (float sensitivity : {0.1f, 1.0f, 30.0f}) expect_same_sets(z, rule, dyn::localmax(sensitivity));
    for (float share : {0.01f, 0.5f, 1.0f}) expect_same_sets(z, rule, dyn::localmax_relative(share));
    z.rowwise().normalize();  // no token is longer than another
    expect_same_sets(z, test::plain_rule(d), dyn::hardmax);
    expect_same_sets(z, test::plain_rule(d), dyn::localmax(0.01f));
  }
}

TEST(Align, TiesGoOnBehindTheFirstKeys) {
  Tokens z = test::random_tokens(3000, 2, 1);
  for (Index i = 0; i < 700; ++i) z.row(4 * i) << 8, 3;
  EXPECT_EQ(test::aligned(z, test::plain_rule(2), dyn::hardmax).size[0], 700);
}

/// Counts beyond what the logarithm in float tells apart.
TEST(Align, CountsAMillionTies) {
  const Tokens query{{1, 2}};
  for (Index ties : {Index{1} << 17, (Index{1} << 17) + 1, Index{777777}, Index{1000003}, Index{2000001}}) {
    Tokens z = Tokens::Ones(ties + 5, 2);
    z.bottomRows(5).setZero();
    Alignment seen;
    ASSERT_EQ(dyn::align(query, z, test::plain_rule(2), dyn::hardmax, seen), Status::ok);
    EXPECT_EQ(seen.size[0], ties);
  }
}

/// Eigenvalues 1, 1e-6, 1e-6, ... The columns of `axes` are the eigenvectors.
Eigen::MatrixXf ill_conditioned(const Eigen::MatrixXf& axes) {
  Eigen::VectorXf strengths = Eigen::VectorXf::Constant(axes.cols(), 1e-6f);
  strengths[0] = 1;
  Eigen::MatrixXf a = axes * strengths.asDiagonal() * axes.transpose();
  return a.triangularView<Eigen::Lower>() = a.transpose(), a;
}

/// A ring of tokens whose lengths hardly differ, in a plane that the matrix hardly sees: rounding of scores then
/// decides between tokens of different lengths.
TEST(Align, LongestFirstFindsTheSetsUnderAnIllConditionedMatrix) {
  constexpr Index n = 1501;
  for (Index d : {3, 16})
    for (std::uint64_t seed : {1, 2, 3}) {
      const Eigen::MatrixXf axes =
          Eigen::HouseholderQR<Eigen::MatrixXf>(test::random_tokens(d, d, seed)).householderQ();
      const Rule rule{ill_conditioned(axes)};
      Tokens z = test::random_tokens(n, 2, seed).rowwise().normalized() * axes.rightCols(2).transpose();
      for (Index i = 0; i < n; ++i) z.row(i) *= 1 + 1e-3f * static_cast<float>(i * 777 % n) / n;
      expect_same_sets(z, rule, dyn::hardmax);
      expect_same_sets(z, rule, dyn::localmax(1e-9f));
      expect_same_sets(z, rule, dyn::localmax_relative(1e-3f));
    }
}

TEST(Align, LongestFirstSparesScores) {
  const Tokens z = test::random_tokens(4000, 3, 1);
  EXPECT_LT(test::aligned(z, test::plain_rule(3), dyn::hardmax).scores, 4000 * 4000 / 4);
  const Tokens all = z.rowwise().normalized();
  EXPECT_GE(test::aligned(all, test::plain_rule(3), dyn::hardmax).scores, 4000 * 4000);
}

TEST(Step, ByHand) {
  Tokens z{{2, 0}, {1, 0}, {0, 1}};  // scores of the first two: 4 2 0 and 2 1 0; the third sees 0 0 1
  const Alignment seen = test::stepped(z, test::plain_rule(2, 1), dyn::hardmax);
  EXPECT_EQ(z, (Tokens{{2, 0}, {1.5f, 0}, {0, 1}}));
  EXPECT_EQ(seen.target, (std::vector<Index>{0, 0, 2}));
}

TEST(Step, TheMatrixBendsTheScores) {
  const Tokens z{{1, 0}, {0, 1}, {1, 1}};
  const Rule bent{Eigen::MatrixXf{{1, -0.5f}, {-0.5f, 1}}};  // scores: 1 -0.5 0.5, -0.5 1 0.5, 0.5 0.5 1
  EXPECT_EQ(test::aligned(z, bent, dyn::hardmax).target, (std::vector<Index>{0, 1, 2}));
  EXPECT_EQ(test::aligned(z, test::plain_rule(2), dyn::hardmax).size, (std::vector<Index>{2, 2, 1}));
}

TEST(Step, TiesPullToTheMean) {
  Tokens z{{1, 1}, {1, -1}, {0.5f, 0}};
  const Alignment seen = test::stepped(z, test::plain_rule(2, 1), dyn::hardmax);
  EXPECT_EQ(z, (Tokens{{1, 1}, {1, -1}, {0.75f, 0}}));
  EXPECT_EQ(seen.size, (std::vector<Index>{1, 1, 2}));
}

TEST(Step, LocalmaxByHand) {
  const Tokens z{{1.0f}, {2.0f}, {4.0f}};  // scores: 1 2 4, 2 4 8, 4 8 16
  const auto sizes = [&](const auto& normaliser) { return test::aligned(z, test::plain_rule(1), normaliser).size; };
  EXPECT_EQ(sizes(dyn::localmax(2.5f)), (std::vector<Index>{2, 1, 1}));
  EXPECT_EQ(sizes(dyn::localmax(4.5f)), (std::vector<Index>{3, 2, 1}));
  EXPECT_EQ(sizes(dyn::localmax_relative(0.6f)), (std::vector<Index>{2, 2, 2}));
  EXPECT_EQ(sizes(dyn::localmax_relative(0.8f)), (std::vector<Index>{3, 3, 3}));
  EXPECT_FLOAT_EQ(test::aligned(z, test::plain_rule(1), dyn::localmax(2.5f)).mean(0, 0), 3);
}

TEST(Step, AZeroTokenIsDrawnToTheMeanOfAll) {
  Tokens z{{0, 0}, {4, 0}, {0, 8}};
  EXPECT_EQ(test::aligned(z, test::plain_rule(2), dyn::hardmax).size[0], 3);
  test::stepped(z, test::plain_rule(2, 1), dyn::hardmax);
  EXPECT_NEAR((z.row(0) - Eigen::RowVector2f(2 / 3.0f, 4 / 3.0f)).norm(), 0, 1e-6);
}

TEST(Step, WithoutNormalisationLeadersGrowByTheStep) {
  Tokens z{{2, 0}, {1, 0.5f}};
  Rule rule = test::plain_rule(2, 0.5f);
  rule.normalised = false;
  test::stepped(z, rule, dyn::hardmax, 10);
  EXPECT_FLOAT_EQ(z(0, 0), 2 * std::pow(1.5f, 10.0f));
}

TEST(Step, CopiesOfALeaderStayToTheLastBit) {
  for (Index copies : {2, 3, 5, 7, 11, 13, 600}) {
    Tokens z = test::random_tokens(copies + 2, 5, copies);
    z.topRows(copies) = (9 * z.row(0)).eval().replicate(copies, 1);
    const Tokens before = z;
    test::stepped(z, test::plain_rule(5), dyn::hardmax, 50);
    EXPECT_EQ(Tokens(z.topRows(copies)), Tokens(before.topRows(copies))) << copies;
  }
}

TEST(Step, ALeaderWithItsFollowersOnItIsAFixedPoint) {
  const Tokens z{{1, 2}, {1, 2}, {-3, 0}, {-3, 0}, {-3, 0}, {1, 2}};
  Tokens moved = z;
  test::stepped(moved, test::plain_rule(2), dyn::hardmax, 50);
  EXPECT_EQ(moved, z);
}

TEST(Symmetry, PermutedTokensMoveAlike) {
  const Tokens z = test::random_tokens(150, 4, 8);
  std::vector<Index> order(150);
  std::iota(order.begin(), order.end(), Index{0});
  std::reverse(order.begin(), order.end());
  std::swap(order[3], order[77]);
  const Rule rule = test::random_rule(4, 8);
  Tokens straight = z, permuted = z(order, Eigen::all);
  test::stepped(straight, rule, dyn::hardmax, 20), test::stepped(permuted, rule, dyn::hardmax, 20);
  EXPECT_EQ(Tokens(straight(order, Eigen::all)), permuted);
}

TEST(Symmetry, RotatedTokensUnderTheRotatedMatrixMoveAlike) {
  const Tokens z = test::random_tokens(150, 3, 9);
  const Eigen::MatrixXf r = Eigen::HouseholderQR<Eigen::MatrixXf>(test::random_tokens(3, 3, 10)).householderQ();
  const Rule rule = test::random_rule(3, 9);
  Eigen::MatrixXf a = r.transpose() * rule.a * r;
  a.triangularView<Eigen::Lower>() = a.transpose();
  for (const auto& normaliser : {dyn::localmax(0), dyn::localmax(0.5f)}) {
    Tokens straight = z, rotated = z * r;
    test::stepped(straight, rule, normaliser, 5), test::stepped(rotated, {a, rule.alpha}, normaliser, 5);
    expect_near(rotated, (straight * r).cast<double>(), 1e-5);
  }
}

TEST(Hull, ItsWidthNeverGrows) {
  for (Index d : {2, 3, 8})
    for (float sensitivity : {0.0f, 0.3f}) {
      Tokens z = test::random_tokens(100, d, d);
      const Eigen::MatrixXf directions = test::random_tokens(64, d, 77).transpose();
      Eigen::RowVectorXf reach = (z * directions).colwise().maxCoeff();
      for (int i = 0; i < 40; ++i) {
        test::stepped(z, test::random_rule(d, d), dyn::localmax(sensitivity));
        const Eigen::RowVectorXf now = (z * directions).colwise().maxCoeff();
        EXPECT_TRUE(((now - reach).array() <= 1e-5f).all());
        reach = now;
      }
    }
}

TEST(Softmax, ApproachesHardmaxAsItCools) {
  const Tokens z = test::random_tokens(200, 3, 4);
  const Tokens hard = test::aligned(z, test::plain_rule(3), dyn::hardmax).mean;
  float before = INFINITY;
  for (float temperature : {1.0f, 0.1f, 0.01f, 0.0001f}) {
    const float off = (test::aligned(z, test::plain_rule(3), dyn::softmax(temperature)).mean - hard).norm();
    EXPECT_LT(off, before);
    before = off;
  }
  EXPECT_LE(before, 1e-4f * hard.norm());
}

TEST(Localmax, RestsWhereHardmaxWouldMove) {
  const Tokens quiet{{1, 1}, {1, -0.75f}, {1, 0.125f}};  // the third lies midway, and sees 1.125, 0.906 and 1.016
  Tokens z = quiet;
  test::stepped(z, test::plain_rule(2), dyn::localmax(0.25f), 20);
  EXPECT_EQ(z, quiet);
  test::stepped(z, test::plain_rule(2), dyn::hardmax, 1);
  EXPECT_GT(z(2, 1), quiet(2, 1) + 0.05f);
}

TEST(Run, StopsAtRest) {
  Tokens z = test::random_tokens(60, 2, 1);
  const dyn::Run r = dyn::run(z, test::plain_rule(2), dyn::hardmax);
  EXPECT_EQ(r.stop, Stop::at_rest);
  EXPECT_LE(r.pull, 1e-6f * z.cwiseAbs().maxCoeff());
  EXPECT_GT(r.steps, 20);
}

TEST(Run, RestDoesNotDependOnTheUnitOfLength) {
  std::vector<Index> steps;
  for (float unit : {1.0f, 0x1p-20f, 0x1p20f}) {
    Tokens z = unit * test::random_tokens(60, 2, 1);
    steps.push_back(dyn::run(z, test::plain_rule(2), dyn::hardmax).steps);
  }
  EXPECT_EQ(steps, std::vector<Index>(3, steps[0]));
}

TEST(Run, NothingRestsWithoutNormalisation) {
  Tokens z{{1, 0}, {-1, 0}};
  Rule rule = test::plain_rule(2);
  rule.normalised = false;
  EXPECT_EQ(dyn::run(z, rule, dyn::hardmax, {.steps = 5}).stop, Stop::steps);
  EXPECT_GT(z(0, 0), 1);
}

TEST(Run, StopsAfterItsSteps) {
  Tokens z = test::random_tokens(60, 2, 1), same = z;
  const dyn::Run r = dyn::run(z, test::plain_rule(2), dyn::hardmax, {.steps = 7});
  EXPECT_EQ(r.stop, Stop::steps);
  EXPECT_EQ(r.steps, 7);
  test::stepped(same, test::plain_rule(2), dyn::hardmax, 7);
  EXPECT_EQ(z, same);
}

TEST(Run, StopsWhenTheWatcherSaysSo) {
  Tokens z = test::random_tokens(60, 2, 1);
  std::vector<Index> watched;
  const auto watch = [&](Index t, const Tokens&, const Alignment&) { return watched.push_back(t), t < 3; };
  EXPECT_EQ(dyn::run(z, test::plain_rule(2), dyn::hardmax, {}, watch).stop, Stop::watcher);
  EXPECT_EQ(watched, (std::vector<Index>{1, 2, 3}));
}

TEST(Run, TheSensitivityMayVaryInTime) {
  Tokens z = test::random_tokens(60, 2, 1), same = z;
  const auto vanishing = [](Index t) { return dyn::localmax(1 / (1 + static_cast<float>(t))); };
  EXPECT_EQ(dyn::run(z, test::plain_rule(2), vanishing, {.steps = 3}).steps, 3);
  for (Index t : {0, 1, 2}) test::stepped(same, test::plain_rule(2), vanishing(t));
  EXPECT_EQ(z, same);
}

/// The Status of a step that must not move anything.
Status refused(Tokens z, const Rule& rule, const dyn::Normaliser<crest::Exact>& normaliser = dyn::softmax(1)) {
  const Tokens before = z;
  Alignment seen;
  const Status status = step(z, rule, normaliser, seen), soft = status;
  EXPECT_TRUE(z.cwiseEqual(before).all() || !before.allFinite());
  EXPECT_EQ(dyn::run(z, rule, normaliser).stop, Stop::failed);
  return soft;
}

TEST(Refused, WhatBreaksARule) {
  const Tokens z = test::random_tokens(5, 2, 1);
  Tokens bad = z;
  bad(3, 1) = NAN;
  const Rule good = test::plain_rule(2);
  EXPECT_EQ(refused(bad, good), Status::dynamics_tokens);
  EXPECT_EQ(refused(Tokens(5, 0), test::plain_rule(0)), Status::dynamics_tokens);
  EXPECT_EQ(refused(z, test::plain_rule(3)), Status::dynamics_matrix_size);
  EXPECT_EQ(refused(z, {Eigen::MatrixXf{{1, 0.5f}, {0.25f, 1}}}), Status::dynamics_matrix_symmetric);
  EXPECT_EQ(refused(z, {Eigen::MatrixXf{{1, 2}, {2, 1}}}), Status::dynamics_matrix_definite);
  EXPECT_EQ(refused(z, {Eigen::MatrixXf::Zero(2, 2)}), Status::dynamics_matrix_definite);
  for (float alpha : {0.0f, -1.0f, NAN, INFINITY}) EXPECT_EQ(refused(z, {good.a, alpha}), Status::dynamics_alpha);
  for (float t : {-1.0f, NAN}) EXPECT_EQ(refused(z, good, dyn::softmax(t)), Status::dynamics_scale);
  for (float t : {0.0f, 1e-39f}) EXPECT_EQ(refused(z, good, dyn::softmax(t)), Status::dynamics_scale);
  Tokens w;
  for (float t : {-1.0f, INFINITY}) EXPECT_EQ(dyn::weights(z, good, dyn::softmax(t), w), Status::dynamics_scale);
}

/// Squares of 2e19 are beyond a float.
TEST(Refused, TokensWhoseScoresOverflow) {
  const Rule good = test::plain_rule(2);
  for (float large : {2e19f, 1e30f, 3e38f})
    EXPECT_EQ(refused(Tokens{{1, 2}, {large, 0}}, good), Status::dynamics_tokens);
  EXPECT_EQ(refused(Tokens{{1, 2}}, {1e38f * good.a}), Status::dynamics_tokens);
  EXPECT_EQ(refused(Tokens{{1e9f, 0}, {0, 1e9f}}, good, dyn::softmax(1e-25f)), Status::dynamics_scale);
  Tokens z{{4e18f, 0}, {-4e18f, 1e18f}};
  test::stepped(z, good, dyn::hardmax, 3), test::stepped(z, good, dyn::localmax(1), 3);
  EXPECT_TRUE(z.allFinite());
}

TEST(Refused, StepsBeyondAFloat) {
  Rule rule = test::plain_rule(1, 1);
  rule.normalised = false;
  Tokens z{{1.0f}};
  EXPECT_EQ(dyn::run(z, rule, dyn::hardmax).status, Status::dynamics_tokens);
  EXPECT_GT(z(0), 1e18f);
  EXPECT_TRUE(z.allFinite());
  rule.alpha = 1e37f;
  EXPECT_EQ(refused(Tokens{{1e3f}}, rule), Status::dynamics_alpha);
}

TEST(Refused, NoTokensAreFine) {
  Tokens none(0, 2);
  EXPECT_EQ(dyn::run(none, test::plain_rule(2), dyn::hardmax).stop, Stop::at_rest);
}

}  // namespace
