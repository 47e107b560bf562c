// The algebra of split softmax, and its use by callers who split keys themselves.
#include "crest/core/softmax_state.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/random.hpp"

namespace {

using crest::merge;
using crest::SoftmaxState;

constexpr float infinity = std::numeric_limits<float>::infinity();

SoftmaxState random_state(test::Random& random) {
  return {20 * random.normal(), static_cast<float>(1 + 9 * random.uniform())};
}

/// Two states describe the same set when their log-sum-exps agree.
void expect_same(SoftmaxState a, SoftmaxState b) {
  EXPECT_NEAR(a.lse(), b.lse(), 1e-5 * std::max(1.0f, std::abs(a.lse())));
}

TEST(SoftmaxState, DefaultIsTheEmptySet) {
  EXPECT_TRUE(SoftmaxState{}.empty());
  EXPECT_EQ(SoftmaxState{}.lse(), -infinity);
  EXPECT_FALSE((SoftmaxState{0, 1}.empty()));
}

TEST(SoftmaxState, EmptyIsNeutral) {
  const SoftmaxState a{3, 2};
  for (SoftmaxState both : {merge(a, {}), merge({}, a)}) {
    EXPECT_EQ(both.m, a.m);
    EXPECT_EQ(both.l, a.l);
  }
  EXPECT_TRUE(merge(SoftmaxState{}, SoftmaxState{}).empty());
  EXPECT_EQ(merge(SoftmaxState{}, SoftmaxState{}).lse(), -infinity);
}

TEST(SoftmaxState, MergeAddsWeights) {
  EXPECT_FLOAT_EQ(merge(SoftmaxState{0, 1}, SoftmaxState{0, 1}).lse(), std::log(2.0f));
  EXPECT_FLOAT_EQ(merge(SoftmaxState{1, 2}, SoftmaxState{-1, 3}).lse(), 1 + std::log(2 + 3 * std::exp(-2.0f)));
}

TEST(SoftmaxState, MergeIsCommutative) {
  test::Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const SoftmaxState a = random_state(random), b = random_state(random);
    EXPECT_EQ(merge(a, b).m, merge(b, a).m);
    EXPECT_FLOAT_EQ(merge(a, b).l, merge(b, a).l);
  }
}

TEST(SoftmaxState, MergeIsAssociative) {
  test::Random random(2);
  for (int i = 0; i < 1000; ++i) {
    const SoftmaxState a = random_state(random), b = random_state(random), c = random_state(random);
    expect_same(merge(merge(a, b), c), merge(a, merge(b, c)));
  }
}

TEST(SoftmaxState, FarScoresNeitherOverflowNorVanish) {
  const SoftmaxState low{-3e4f, 1}, high{3e4f, 1};
  EXPECT_EQ(merge(low, high).lse(), 3e4f);
  EXPECT_EQ(merge(high, low).lse(), 3e4f);
}

TEST(SoftmaxState, LseRoundTrips) {
  EXPECT_TRUE(SoftmaxState::of_lse(-infinity).empty());
  for (float lse : {-100.0f, -1.0f, 0.0f, 2.5f, 88.0f}) EXPECT_EQ(SoftmaxState::of_lse(lse).lse(), lse);
}

TEST(SoftmaxState, SharesOfThePartsAddToOne) {
  test::Random random(3);
  std::vector<SoftmaxState> parts(7);
  for (int i = 0; i < 6; ++i) parts[i] = random_state(random);  // the last part stays empty
  SoftmaxState whole;
  for (SoftmaxState part : parts) whole = merge(whole, part);
  double sum = 0;
  for (SoftmaxState part : parts) sum += share(part, whole);
  EXPECT_NEAR(sum, 1, 1e-6);
  EXPECT_EQ(share(parts.back(), whole), 0);
  EXPECT_EQ(crest::share({}, {}), 0);
}

TEST(SoftmaxState, SplitSumEqualsWholeSum) {
  test::Random random(4);
  SoftmaxState split, halves[2];
  double sum = 0;
  for (int i = 0; i < 500; ++i) {
    const float score = 5 * random.normal();
    sum += std::exp(static_cast<double>(score));
    halves[i % 2] = merge(halves[i % 2], {score, 1});
  }
  split = merge(halves[0], halves[1]);
  EXPECT_NEAR(split.lse(), std::log(sum), 1e-5);
}

}  // namespace
