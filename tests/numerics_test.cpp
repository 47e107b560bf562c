// Scores and values at the edges of the number formats, for one element type (CREST_TEST_ELEMENT).
#include <gtest/gtest.h>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/slopes.hpp"

namespace {

using crest::Index;
using test::Case;
using test::Shape;

using Element = CREST_TEST_ELEMENT;

constexpr crest::Recipe rescaling{crest::EveryKey{}, crest::Stay{}, crest::Rescaling{}, crest::Everything{}};
constexpr Shape one_task{.heads = 4, .kv_heads = 1, .keys = 1000};
constexpr Index rows = 4;

/// A score of s nats is rounded to 2^-24 s, twice: in log2 units and in nats.
double slope_tolerance(double nats) { return test::exact_tolerance + std::abs(nats) * 0x1p-22; }

/// Moves of the softmax reference over a slope; the result is checked on the way.
template <class R>
Index moves(double nats, const R& recipe, crest::Backend backend) {
  Case<Element> c = test::slope<Element>(one_task, nats);
  const crest::Report report = test::run(c.problem, recipe, backend);
  test::expect_close(c.problem, slope_tolerance(nats));
  return report.rescales;
}

TEST(Climbing, LazyReferenceMovesOncePerHeadroom) {
  test::for_each_backend([](crest::Backend backend) {
    EXPECT_EQ(moves(0, crest::exact, backend), 0);
    EXPECT_EQ(moves(30, crest::exact, backend), 0);
    EXPECT_EQ(moves(60, crest::exact, backend), rows);
    EXPECT_EQ(moves(100, crest::exact, backend), 2 * rows);
    const Index many = moves(400, crest::exact, backend);  // each move overshoots by up to a block of keys
    EXPECT_GE(many, 400 / (40 + (sizeof(Element) < 4 ? 16 : 8) * 0.4) * rows - rows);
    EXPECT_LE(many, 400 / 40 * rows);
  });
}

TEST(Climbing, RescalingFollowsEveryMaximum) {
  test::for_each_backend([](crest::Backend backend) {
    for (double nats : {30.0, 80.0, 400.0}) {
      const Index moved = moves(nats, rescaling, backend);
      EXPECT_GT(moved, 30 * rows);
      EXPECT_LT(moved, 1000 * rows);
    }
  });
}

TEST(Climbing, LongCachesClimbInEveryPart) {
  test::for_each_backend([](crest::Backend backend) {
    for (double nats : {80.0, 400.0, -400.0}) {
      Case<Element> c = test::slope<Element>({.heads = 4, .kv_heads = 1, .keys = 5000}, nats);
      test::compute(c.problem, crest::exact, backend);
      test::expect_close(c.problem, slope_tolerance(nats));
    }
  });
}

TEST(Descending, NothingMoves) {
  test::for_each_backend([](crest::Backend backend) {
    for (double nats : {-30.0, -80.0, -400.0}) {
      EXPECT_EQ(moves(nats, crest::exact, backend), 0);
      EXPECT_EQ(moves(nats, rescaling, backend), 0);
    }
  });
}

TEST(Climbing, OneKeyAboveAllMovesTheReferenceOfItsHeadsOnly) {
  Case<Element> c = test::slope<Element>(one_task, 0);
  c.k.set(0, 700, 0, 50);
  c.q.fill_row(2, 0, [](Index) { return 0.0f; });  // this head scores 0 everywhere
  test::for_each_backend([&](crest::Backend backend) {
    EXPECT_EQ(test::run(c.problem, crest::exact, backend).rescales, rows - 1);
    test::expect_close(c.problem, slope_tolerance(50));
  });
}

/// A heavy key first, then thousands that each weigh less than half a unit in the last place of it.
TEST(Sums, SmallWeightsBehindAHeavyOneAreNotLost) {
  for (Index queries : {1, 20}) {
    Case<Element> c = test::scores_along_keys<Element>({.heads = 4, .kv_heads = 1, .queries = queries, .keys = 16000},
                                                       [](Index j) { return j == 0 ? 16.75 : 0.0; });
    const auto wanted = oracle::solve(c.problem);
    test::for_each_backend([&](crest::Backend backend) {
      test::compute(c.problem, crest::exact, backend);
      test::expect_close(c.problem, wanted);
    });
  }
}

TEST(Huge, LargeQueriesLeaveOneKey) {
  Case<Element> c({.shape = {.keys = 300}, .seed = 4, .spread = 3000});
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::exact, backend);
    test::expect_close(c.problem);
  });
}

TEST(Huge, LargeValuesDoNotOverflow) {
  Case<Element> c = test::slope<Element>(one_task, 39);
  const float large = std::is_same_v<Element, crest::f16> ? 65504.0f : 1e15f;
  c.v.fill([&](Index, Index j, Index) { return j % 3 ? large : -large; });
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::exact, backend);
    test::expect_close(c.problem, slope_tolerance(39));
  });
}

TEST(Edges, LargestAndSmallestKeys) {
  for (float size : {65504.0f, 0x1p-14f, 0x1p-20f}) {
    Case<Element> c({.shape = {.keys = 200}});
    c.k.fill([&](Index i, Index j, Index x) { return std::clamp(c.k.get(i, j, x), -1.0f, 1.0f) * size; });
    c.q.fill([&](Index i, Index j, Index x) { return c.q.get(i, j, x) / size; });
    test::for_each_backend([&](crest::Backend backend) {
      test::compute(c.problem, crest::exact, backend);
      test::expect_close(c.problem);
    });
  }
}

TEST(Edges, SubnormalValues) {
  Case<Element> c({.shape = {.keys = 200}});
  c.v.fill([&](Index i, Index j, Index x) { return c.v.get(i, j, x) * 0x1p-22f; });
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::exact, backend);
    test::expect_close(c.problem);
  });
}

TEST(Edges, ScaleOfEitherSignAndSize) {
  for (float scale : {-1.0f, -0.01f, 1e-6f, 2.0f}) {
    Case<Element> c({.shape = {.keys = 200}});
    c.problem.scale = scale;
    test::compute(c.problem);
    test::expect_close(c.problem, slope_tolerance(20 * scale));
  }
}

}  // namespace
