// hardmax and localmax as recipes of attention(): which keys count, that they count alike, and what ties do.
#include <gtest/gtest.h>

#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"

namespace {

using crest::Index;
using crest::Recipe;
using crest::Report;
using test::Case;
using test::Shape;
using test::Spec;

constexpr float plain_scale = 0.69314718f;  ///< scores reach the kernels as they are

/// The mean of the values whose score is at least the lowest that counts, given the highest.
template <class T, class Lowest>
oracle::Row equal_weights(const crest::Problem<T>& p, Index head, Index query, Lowest&& lowest) {
  oracle::Row row = oracle::attend(p, head, query);
  const double peak = *std::max_element(row.scores.begin(), row.scores.end());
  std::vector<Index> keys;
  for (std::size_t i = 0; i < row.keys.size(); ++i) {
    EXPECT_TRUE(std::abs(row.scores[i] - lowest(peak)) > 1e-5 || row.scores[i] == peak) << "too close to call";
    if (row.scores[i] >= lowest(peak)) keys.push_back(row.keys[i]);
  }
  oracle::Row wanted{keys, {}, std::vector<double>(p.value_dim())};
  for (Index key : keys)
    for (Index x = 0; x < p.value_dim(); ++x)
      wanted.o[x] += oracle::element(p.v, head / p.gqa_group(), key, x) / static_cast<double>(keys.size());
  wanted.lse = std::log(static_cast<double>(keys.size()));
  return wanted;
}

template <class T, class R, class Lowest>
void expect_equal_weights(Case<T>& c, const R& recipe, Lowest&& lowest) {
  std::vector<oracle::Row> wanted;
  for (Index head = 0; head < c.problem.heads(); ++head)
    for (Index query = 0; query < c.problem.queries(); ++query)
      wanted.push_back(equal_weights(c.problem, head, query, lowest));
  test::for_each_backend([&](const crest::Backend& backend) {
    c.reset();
    test::compute(c.problem, recipe, backend);
    test::expect_close(c.problem, wanted);
  });
}

const auto the_highest = [](double peak) { return peak; };

/// Tiles of one, two and four heads, padded groups, rows longer than vectors, splits over tasks.
const Shape shapes[] = {{1, 1, 1, 1, 3, 5},      {2, 1, 3, 77, 16, 40},    {4, 1, 20, 300, 2, 4},
                        {6, 2, 2, 1000, 33, 17}, {3, 3, 1, 9001, 24, 100}, {5, 1, 1, 5000, 8, 10}};

TEST(Hardmax, IsTheValueOfTheHighestScore) {
  for (const Shape& shape : shapes) {
    Case<float> c(Spec{.shape = shape, .mask = {.causal = true}});
    expect_equal_weights(c, crest::hardmax, the_highest);
  }
}

TEST(Hardmax, TakesSixteenBitKeys) {
  Case<crest::f16> c(Spec{.shape = shapes[3], .seed = 2});
  expect_equal_weights(c, crest::hardmax, the_highest);
}

TEST(Localmax, IsTheMeanOfTheValuesNearTheHighestScore) {
  for (float drop : {0.31f, 1.9f})
    for (const Shape& shape : shapes) {
      Case<float> c(Spec{.shape = shape, .mask = {.window = 700, .sinks = 3}, .spread = 2});
      expect_equal_weights(c, crest::localmax(drop), [&](double peak) { return peak - drop; });
    }
}

TEST(Localmax, CanMeasureNearnessByTheHighestScore) {
  const Recipe recipe{crest::EveryKey{}, crest::Stay{}, crest::RelativeBand{0.4f}, crest::Everything{}};
  Case<float> c(Spec{.shape = shapes[3], .spread = 2});
  expect_equal_weights(c, recipe, [](double peak) { return peak - 0.4f * std::abs(peak); });
}

TEST(Localmax, RunsFromHardmaxToTheMeanOfAll) {
  Case<float> c(Spec{.shape = shapes[3]}), d(Spec{.shape = shapes[3]});
  test::compute(c.problem, crest::localmax(0));
  test::compute(d.problem, crest::hardmax);
  EXPECT_EQ(c.o.bytes(), d.o.bytes());
  expect_equal_weights(c, crest::localmax(1e6f), [](double) { return -1e6; });
}

TEST(Hardmax, IsSoftmaxAtVanishingTemperature) {
  Case<float> c(Spec{.shape = shapes[1]}), d(Spec{.shape = shapes[1]});
  test::compute(c.problem, crest::hardmax);
  d.problem.scale = 1e4f;
  test::compute(d.problem);
  for (Index head = 0; head < 2; ++head)
    for (Index x = 0; x < c.problem.value_dim(); ++x) EXPECT_NEAR(c.o.get(head, 1, x), d.o.get(head, 1, x), 1e-5);
}

/// One query (1, 3) and keys on a lattice, each with a value of its own.
Case<float> lattice(const std::vector<std::array<float, 2>>& keys) {
  Case<float> c(Spec{.shape = {1, 1, 1, static_cast<Index>(keys.size()), 2, 1}});
  c.q.fill([](Index, Index, Index x) { return x == 0 ? 1.0f : 3.0f; });
  c.k.fill([&](Index, Index j, Index x) { return keys[j][x]; });
  c.v.fill([](Index, Index j, Index) { return static_cast<float>(1 << j); });
  c.problem.scale = plain_scale;
  return c;
}

TEST(Ties, OfExactScoresAreExact) {
  Case<float> c = lattice({{3, 0}, {2, 0}, {0, 1}, {-3, 2}, {1, 0}});  // 3, 2, 3, 3, 1
  test::for_each_backend([&](const crest::Backend& backend) {
    test::compute(c.problem, crest::hardmax, backend);
    EXPECT_NEAR(c.o.get(0, 0, 0), (1 + 4 + 8) / 3.0f, 1e-6);
    EXPECT_NEAR(std::exp(c.lse.get(0, 0, 0)), 3, 1e-6);
  });
}

TEST(Ties, OfCopiesHoldForAnyNumbers) {
  Case<float> c(Spec{.shape = {4, 1, 1, 500, 19, 1}});
  for (Index j = 0; j < 500; ++j)
    for (Index x = 0; x < 19; ++x) c.k.set(0, j, x, c.k.get(0, j % 100, x));
  c.v.fill([](Index, Index j, Index) { return static_cast<float>(j / 100); });
  test::for_each_backend([&](const crest::Backend& backend) {
    test::compute(c.problem, crest::hardmax, backend);
    for (Index head = 0; head < 4; ++head) EXPECT_NEAR(c.o.get(head, 0, 0), 2, 1e-6);
  });
}

/// Scores of any size: these lie 2^-140 apart, less than the smallest float of full precision.
TEST(Hardmax, TellsTheSmallestScoresApart) {
  Case<float> c(Spec{.shape = {1, 1, 1, 100, 2, 1}});
  c.q.fill([](Index, Index, Index x) { return x == 0 ? 1.0f : 0.0f; });
  c.k.fill([](Index, Index j, Index) { return static_cast<float>(j) * 0x1p-140f; });
  c.v.fill([](Index, Index j, Index) { return static_cast<float>(j); });
  c.problem.scale = plain_scale;
  test::for_each_backend([&](const crest::Backend& backend) {
    test::compute(c.problem, crest::hardmax, backend);
    EXPECT_EQ(c.o.get(0, 0, 0), 99);
    test::compute(c.problem, crest::localmax(0), backend);
    EXPECT_EQ(c.o.get(0, 0, 0), 99);
  });
}

TEST(NonFinite, ScoresShowAndEmptyRowsAreZero) {
  for (Index bad : {0, 250, 499}) {
    Case<float> c(Spec{.shape = {1, 1, 1, 500, 8, 8}});
    c.k.set(0, bad, 3, NAN);
    for (const auto& recipe : {crest::localmax(0), crest::localmax(1)}) {
      test::compute(c.problem, recipe);
      EXPECT_TRUE(std::isnan(c.o.get(0, 0, 0))) << bad;
    }
    test::compute(c.problem, crest::hardmax);
    EXPECT_TRUE(std::isnan(c.o.get(0, 0, 0))) << bad;
  }
  Case<float> c(Spec{.shape = {2, 1, 3, 2, 8, 8}, .mask = {.causal = true}});
  test::compute(c.problem, crest::hardmax);
  EXPECT_EQ(c.o.get(1, 0, 5), 0);
  EXPECT_EQ(test::row_value(c.problem.lse, 1, 0), -INFINITY);
}

constexpr crest::RecipeOptions nothing_always{.keep_first = 0, .keep_last = 0};

TEST(Sampled, TheHighestScoreOfAWindowCounts) {
  const crest::Stride stride{8};
  const crest::Window window{.reach = 32, .peaks = 4};
  Case<float> c(Spec{.shape = {4, 2, 1, 3000, 16, 16}, .data = test::Data::smooth});
  const Recipe peak{stride, window, crest::Peak{}, crest::Plateau{0}, nothing_always};
  const Recipe band{stride, window, crest::Band{0.01f}, crest::Plateau{0.02f}, nothing_always};
  expect_equal_weights(c, peak, the_highest);
  expect_equal_weights(c, band, [](double highest) { return highest - 0.01f; });
}

TEST(Sampled, WhatWasNotScoredIsEstimatedAsACount) {
  Case<float> c(Spec{.shape = {1, 1, 1, 64, 4, 4}});
  c.k.fill([](Index, Index, Index) { return 1.0f; });  // every key ties; every fourth is scored
  const Recipe recipe{crest::Stride{4}, crest::Stay{}, crest::Peak{}, crest::Plateau{0}, nothing_always};
  const Report report = test::run(c.problem, recipe);
  EXPECT_EQ(report.keys_used, 16);
  EXPECT_NEAR(report.missed_mass, 0.75, 0.01);
}

TEST(Sampled, ATargetThatIsNotMetFallsBackToTheSameWeights) {
  Case<float> c(Spec{.shape = {4, 2, 1, 3000, 16, 16}, .spread = 3});
  const crest::RecipeOptions options{.keep_first = 0, .keep_last = 0, .target_error = 1e-9f};
  const Recipe peak{crest::Stride{16}, crest::Stay{}, crest::Peak{}, crest::Plateau{0}, options};
  const Recipe band{crest::Stride{16}, crest::Stay{}, crest::Band{2}, crest::Plateau{2}, options};
  EXPECT_EQ(test::run(c.problem, peak).fallbacks, 4);
  EXPECT_EQ(test::run(c.problem, band).fallbacks, 4);
  expect_equal_weights(c, peak, the_highest);
  expect_equal_weights(c, band, [](double highest) { return highest - 2; });
}

TEST(Localmax, RefusesOptionsOutOfRange) {
  Case<float> c;
  const auto status = [&](const auto& softmax) {
    return crest::attention(c.problem, Recipe{crest::EveryKey{}, crest::Stay{}, softmax, crest::Everything{}}).status;
  };
  for (float bad : {-1.0f, NAN, INFINITY}) {
    EXPECT_EQ(crest::attention(c.problem, crest::localmax(bad)).status, crest::Status::recipe_softmax);
    EXPECT_EQ(status(crest::RelativeBand{bad}), crest::Status::recipe_softmax);
  }
  EXPECT_EQ(status(crest::RelativeBand{1.1f}), crest::Status::recipe_softmax);
  EXPECT_EQ(status(crest::RelativeBand{0}), crest::Status::ok);
  EXPECT_EQ(status(crest::RelativeBand{1}), crest::Status::ok);
}

}  // namespace
