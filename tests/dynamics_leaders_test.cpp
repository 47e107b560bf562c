// Leaders, those who follow them, clusters, and what sampling changes.
#include "support/dynamics.hpp"

namespace {

using crest::Index;
using crest::Status;
using test::Alignment;
using test::Rule;
using test::Tokens;
namespace dyn = crest::dynamics;

std::vector<Index> leaders_of(const Tokens& z, const Rule& rule) {
  std::vector<Index> found;
  EXPECT_EQ(dyn::leaders(z, rule, dyn::hardmax, found), Status::ok);
  return found;
}

/// Whether token i, or one that coincides with it, is among some.
bool among(const Tokens& z, const std::vector<Index>& some, Index i) {
  return std::any_of(some.begin(), some.end(), [&](Index l) { return dyn::detail::coincide(z.row(l), z.row(i)); });
}

TEST(Leaders, ByHand) {
  const Tokens z{{2, 0}, {1, 0}, {0, 1}, {1.5f, 0.5f}};
  EXPECT_EQ(leaders_of(z, test::plain_rule(2)), (std::vector<Index>{0, 2}));
}

TEST(Leaders, CopiesAreOneLeader) {
  EXPECT_EQ(leaders_of(Tokens{{0, 1}, {2, 3}, {2, 3}, {2, 3}, {-1, 0}, {-1, 0}}, test::plain_rule(2)),
            (std::vector<Index>{1, 4}));
}

/// However short the edge. Where float cannot tell the scores of its ends apart, these are none, either.
TEST(Leaders, TheMiddleOfAShortEdgeIsNone) {
  const float below_one = std::nextafter(1.0f, 0.0f);
  for (float half : {0.5f, 0.005f, 1e-4f, 4e-6f}) {
    const bool apart = 1 + half * half > 1;
    EXPECT_EQ(leaders_of(Tokens{{1, half}, {1, -half}, {1, 0}}, test::plain_rule(2)),
              apart ? std::vector<Index>({0, 1}) : std::vector<Index>());
    const Tokens copies{{1, 0}, {1, 0}, {below_one, 0}, {1, half}, {1, -half}, {below_one, 0}};
    EXPECT_EQ(leaders_of(copies, test::plain_rule(2)), apart ? std::vector<Index>({3, 4}) : std::vector<Index>());
  }
}

TEST(Leaders, RefuseWhatAStepRefuses) {
  std::vector<Index> found{7};
  EXPECT_EQ(dyn::leaders(Tokens{{1, 2}}, test::plain_rule(3), dyn::hardmax, found), Status::dynamics_matrix_size);
  EXPECT_TRUE(found.empty());
}

TEST(Leaders, TheMiddleOfAnEdgeIsNone) {
  const Tokens z{{1, 1}, {1, -1}, {1, 0}};  // the third ties with both and with itself, and rests
  EXPECT_EQ(test::aligned(z, test::plain_rule(2), dyn::hardmax).size[2], 3);
  EXPECT_EQ(leaders_of(z, test::plain_rule(2)), (std::vector<Index>{0, 1}));
}

TEST(Leaders, NeverMoveAndStayLeaders) {
  for (Index d : {2, 3, 8}) {
    Tokens z = test::random_tokens(300, d, d);
    const Rule rule = test::random_rule(d, 3 * d);
    std::vector<Index> before;
    Tokens places = z;
    for (int i = 0; i < 60; ++i) {
      for (Index l : before) EXPECT_EQ(z.row(l), places.row(l));
      const std::vector<Index> now = leaders_of(z, rule);
      for (Index l : before) EXPECT_TRUE(among(z, now, l));
      before = now;
      places = z;
      test::stepped(z, rule, dyn::hardmax);
    }
    EXPECT_GE(before.size(), 2u);
  }
}

TEST(Leaders, AreVerticesOfTheHull) {
  for (std::uint64_t seed : {1, 2, 3, 4}) {
    Tokens z = test::random_tokens(80, 2, seed);
    const Rule rule = test::random_rule(2, seed);
    const std::vector<Index> vertices = dyn::hull_vertices(z);
    for (Index l : leaders_of(z, rule)) EXPECT_TRUE(std::binary_search(vertices.begin(), vertices.end(), l));
  }
}

TEST(Clusters, ByHand) {
  const dyn::Clusters c = dyn::clusters(Tokens{{0, 0}, {5, 5}, {0, 0.5f}, {5, 5}, {9, 0}}, 1);
  EXPECT_EQ(c.count(), 3);
  EXPECT_EQ(c.first, (std::vector<Index>{0, 1, 4}));
  EXPECT_EQ(c.of, (std::vector<Index>{0, 1, 0, 1, 2}));
}

TEST(Clusters, TokensEndAtLeadersOrOnThePolytope) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Tokens z = test::random_tokens(50, 2, seed);
    const Rule rule = test::plain_rule(2, 0.5f);
    dyn::Followers followers;
    for (int i = 0; i < 200; ++i) ASSERT_EQ(followers.step(z, rule), Status::ok);
    for (Index i = 0; i < 50; ++i) {
      const Index leader = followers.leader_of(i);
      if (leader < 0) continue;
      EXPECT_LE((z.row(i) - z.row(leader)).norm(), 1e-5f * z.row(leader).norm());
    }
    const dyn::Clusters c = dyn::clusters(z, 1e-3f);
    EXPECT_GE(c.count(), 2);
    EXPECT_LT(c.count(), 25);
  }
}

TEST(Followers, MoveAsAFullStepDoes) {
  for (Index d : {2, 5, 16}) {
    Tokens full = test::random_tokens(400, d, d), followed = full;
    const Rule rule = test::random_rule(d, d);
    dyn::Followers followers;
    for (int i = 0; i < 30; ++i) {
      test::stepped(full, rule, dyn::hardmax);
      ASSERT_EQ(followers.step(followed, rule), Status::ok);
      ASSERT_EQ(full, followed) << "step " << i;
    }
    for (int i = 0; i < 300; ++i) {  // until copies arise, whose sets the full step averages with rounding
      test::stepped(full, rule, dyn::hardmax);
      ASSERT_EQ(followers.step(followed, rule), Status::ok);
    }
    EXPECT_LE((full - followed).cwiseAbs().maxCoeff(), 1e-5f * full.cwiseAbs().maxCoeff());
    EXPECT_GT(followers.settled(), 390);
  }
}

TEST(Followers, NeverChangeTheirLeader) {
  Tokens z = test::random_tokens(300, 3, 7);
  const Rule rule = test::random_rule(3, 7);
  dyn::Followers followers;
  std::vector<Index> before(300, -1);
  for (int i = 0; i < 40; ++i) {
    const Alignment seen = test::aligned(z, rule, dyn::hardmax);
    for (Index k = 0; k < 300; ++k) EXPECT_TRUE(before[k] < 0 || seen.target[k] == before[k] || seen.size[k] > 1);
    ASSERT_EQ(followers.step(z, rule), Status::ok);
    for (Index k = 0; k < 300; ++k) {
      EXPECT_TRUE(before[k] < 0 || followers.leader_of(k) == before[k]);
      before[k] = followers.leader_of(k);
    }
  }
}

TEST(Followers, SpareTheScoresOfThoseSettled) {
  const Tokens start{{4, 0}, {0, 4}, {3, 1}, {1, 1}};  // two leaders, a follower, and one that ties between them
  Tokens z = start;
  dyn::Followers followers;
  ASSERT_EQ(followers.step(z, test::plain_rule(2)), Status::ok);
  EXPECT_EQ(followers.settled(), 3);
  EXPECT_EQ(followers.leader_of(2), 0);
  EXPECT_EQ(followers.leader_of(3), -1);
  EXPECT_EQ(z.row(0), start.row(0));
}

TEST(Followers, BeginAnewForOtherTokens) {
  dyn::Followers followers;
  for (Index n : {50, 20, 90}) {
    Tokens z = test::random_tokens(n, 2, n), full = z;
    ASSERT_EQ(followers.step(z, test::plain_rule(2)), Status::ok);
    test::stepped(full, test::plain_rule(2), dyn::hardmax);
    EXPECT_EQ(z, full);
  }
}

TEST(Followers, RefuseWhatAStepRefuses) {
  Tokens z = test::random_tokens(5, 2, 1);
  EXPECT_EQ(dyn::Followers().step(z, test::plain_rule(3)), Status::dynamics_matrix_size);
}

TEST(Sampled, EveryTokenSampledIsHardmax) {
  const Tokens z = test::random_tokens(400, 3, 5);
  const auto all = dyn::sampled(dyn::hardmax, crest::Stride{1}, crest::Stay{});
  EXPECT_EQ(test::aligned(z, test::plain_rule(3), all).target,
            test::aligned(z, test::plain_rule(3), dyn::hardmax).target);
}

/// How many tokens a sampled maximum draws elsewhere.
Index astray(const Tokens& z) {
  const Alignment all = test::aligned(z, test::plain_rule(2), dyn::hardmax),
                  some = test::aligned(z, test::plain_rule(2), dyn::sampled(dyn::hardmax));
  Index n = 0;
  for (Index i = 0; i < z.rows(); ++i) n += all.target[i] != some.target[i];
  return n;
}

TEST(Sampled, TheMaximumIsFoundWhereNeighboursAreAlike) {
  constexpr Index n = 4000;
  Tokens curve(n, 2), shuffled(n, 2);
  for (Index i = 0; i < n; ++i) {
    const double turn = 2 * std::numbers::pi * static_cast<double>(i) / n;
    curve.row(i) << static_cast<float>(3 * std::cos(turn)), static_cast<float>(std::sin(turn));
    shuffled.row(i * 1237 % n) = curve.row(i);
  }
  EXPECT_LE(astray(curve), n / 100);
  EXPECT_GT(astray(shuffled), n / 2);
}

}  // namespace
