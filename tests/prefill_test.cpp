// Prompts: many rows that share packed tiles of keys, for one element type (CREST_TEST_ELEMENT), against the oracle.
#include <gtest/gtest.h>

#include "crest/executors.hpp"
#include "support/backends.hpp"
#include "support/matrix.hpp"

namespace {

using Element = CREST_TEST_ELEMENT;
using crest::Index;
using crest::Report;
using test::Case;
using test::Mask;
using test::Spec;

/// Groups and queries that leave register blocks, query tiles and key tiles whole and in part; dims with whole panels,
/// an odd vector, a part of one.
constexpr test::Shape shapes[] = {
    {.heads = 1, .kv_heads = 1, .queries = 200, .keys = 200, .head_dim = 64, .value_dim = 64},
    {.heads = 6, .kv_heads = 2, .queries = 67, .keys = 130, .head_dim = 33, .value_dim = 80},
    {.heads = 4, .kv_heads = 1, .queries = 61, .keys = 64, .head_dim = 128, .value_dim = 31},
    {.heads = 5, .kv_heads = 1, .queries = 40, .keys = 333, .head_dim = 7, .value_dim = 48},
    {.heads = 16, .kv_heads = 2, .queries = 24, .keys = 100, .head_dim = 80, .value_dim = 100},
    {.heads = 128, .kv_heads = 1, .queries = 1, .keys = 150, .head_dim = 96, .value_dim = 64},
    {.heads = 3, .kv_heads = 1, .queries = 90, .keys = 50, .head_dim = 16, .value_dim = 1}};
constexpr Mask masks[] = {
    {}, {.causal = true}, {.causal = true, .window = 30, .sinks = 3}, {.window = 90}, {.causal = true, .window = 90}};

template <class F>
void for_each_prompt(F&& f) {
  std::uint64_t seed = 1;
  for (const test::Shape& shape : shapes)
    for (const Mask& mask : masks) {
      const Spec spec{.shape = shape,
                      .mask = mask,
                      .data = test::Data{static_cast<int>(seed % 3)},
                      .seed = seed,
                      .layout = test::layouts[seed % 11]};
      SCOPED_TRACE(test::describe(shape) + ", mask " + std::to_string((seed - 1) % 5));
      f(spec);
      ++seed;
    }
}

TEST(Prefill, MatchesTheOracle) {
  for_each_prompt([](const Spec& spec) {
    Case<Element> c(spec);
    const auto wanted = oracle::solve(c.problem);
    test::for_each_backend([&](crest::Backend backend) {
      c.reset();
      const Report report = test::run(c.problem, crest::exact, backend);
      test::expect_close(c.problem, wanted);
      EXPECT_TRUE(c.o.gaps_untouched() && c.lse.gaps_untouched() && c.error.gaps_untouched());
      EXPECT_EQ(report.keys_used, report.keys_visible);
    });
  });
}

/// A block of rows of one query, whose keys have a hole between sinks and window: what lies in it must not matter,
/// though other blocks see it.
TEST(Prefill, WhatLiesInAHoleIsNotAddedUp) {
  const Spec spec{.shape = {.heads = 16, .kv_heads = 1, .queries = 60, .keys = 60},
                  .mask = {.causal = true, .window = 30, .sinks = 3}};
  const Case<Element> clean(spec);
  Case<Element> c(spec);
  for (Index x = 0; x < spec.shape.value_dim; ++x) c.v.set(0, 20, x, std::numeric_limits<float>::infinity());
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(clean.problem, crest::exact, backend);
    test::compute(c.problem, crest::exact, backend);
    for (Index h = 0; h < spec.shape.heads; ++h)
      for (Index i = 50; i < spec.shape.queries; ++i)
        for (Index x = 0; x < spec.shape.value_dim; ++x)
          EXPECT_NEAR(c.o.get(h, i, x), clean.o.get(h, i, x), 1e-4) << h << ", " << i;
  });
}

TEST(Prefill, RescalingMatchesTheOracle) {
  Index rescales = 0;
  for_each_prompt([&](const Spec& spec) {
    Case<Element> c(spec);
    constexpr crest::Recipe rescaling{crest::EveryKey{}, crest::Stay{}, crest::Rescaling{}, crest::Everything{}};
    const auto wanted = oracle::solve(c.problem);
    test::for_each_backend([&](crest::Backend backend) {
      rescales += test::run(c.problem, rescaling, backend).rescales;
      test::expect_close(c.problem, wanted);
    });
  });
  EXPECT_GT(rescales, 1000);
}

TEST(Prefill, RangesWithHolesMatchTheOracle) {
  for (const test::Shape& shape : shapes) {
    const Spec spec{.shape = shape, .seed = 9};
    SCOPED_TRACE(test::describe(shape));
    Case<Element> c(spec);
    c.see(test::holes(shape, 5));
    const auto wanted = oracle::solve(c.problem);
    test::for_each_backend([&](crest::Backend backend) {
      test::compute(c.problem, crest::exact, backend);
      test::expect_close(c.problem, wanted);
    });
  }
}

/// More runs of keys than are collected at a time.
TEST(Prefill, ManyShortRangesMatchTheOracle) {
  Case<Element> c({.shape = {.heads = 2, .kv_heads = 1, .queries = 30, .keys = 900}});
  std::vector<std::vector<crest::KeyRange>> lists(30);
  for (Index i = 0; i < 30; ++i)
    for (Index at = i % 3; at + 4 <= 900; at += 7) lists[i].push_back({at, at + 2});
  c.see(lists);
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::exact, backend);
    test::expect_close(c.problem);
  });
}

/// Scores that climb by 80 nats along the cache: references of rows move.
TEST(Prefill, ReferencesMove) {
  Case<Element> c({.shape = {.heads = 4, .kv_heads = 2, .queries = 30, .keys = 1000, .head_dim = 1, .value_dim = 8}});
  c.q.fill([](Index, Index, Index) { return 1.0f; });
  c.k.fill([](Index, Index j, Index) { return 0.125f * static_cast<float>(j); });
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend([&](crest::Backend backend) {
    EXPECT_EQ(test::run(c.problem, crest::exact, backend).rescales, 4 * 30 * 2);
    test::expect_close(c.problem, wanted);
  });
}

/// Few query tiles over a long cache are split over tasks.
TEST(Prefill, SplitsMatchTheOracle) {
  Case<Element> c({.shape = {.heads = 3, .kv_heads = 1, .queries = 40, .keys = 5000, .head_dim = 32, .value_dim = 40},
                   .mask = {.causal = true, .sinks = 2}});
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::exact, backend);
    test::expect_close(c.problem, wanted);
  });
}

TEST(Prefill, SinkLogitsCountOnce) {
  Case<Element> c({.shape = {.heads = 3, .kv_heads = 1, .queries = 40, .keys = 5000, .head_dim = 16, .value_dim = 16}});
  const std::array<float, 3> sinks{4, -3, 8};
  c.problem.logits.sinks = sinks;
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::exact, backend);
    test::expect_close(c.problem, wanted);
  });
}

/// Every visible row counts once for each query tile: 64 queries of three heads each.
TEST(Prefill, BytesAreThoseOfTiles) {
  Case<Element> c({.shape = {.heads = 6, .kv_heads = 2, .queries = 128, .keys = 500}, .mask = {.causal = true}});
  const Report report = test::run(c.problem);
  const std::uint64_t row = 64 * sizeof(Element);
  EXPECT_EQ(report.bytes_dense, 2 * 500 * row);
  EXPECT_EQ(report.bytes_read, 2 * (436 + 500) * row);
}

TEST(Prefill, ThreadsChangeNoBit) {
  const Spec spec{.shape = {.heads = 6, .kv_heads = 2, .queries = 150, .keys = 3000}, .mask = {.causal = true}};
  Case<Element> c(spec), again(spec);
  crest::Pool pool(3);
  EXPECT_TRUE(crest::attention(c.problem).ok());
  EXPECT_TRUE(crest::attention(again.problem, crest::exact, pool).ok());
  EXPECT_EQ(c.o.bytes(), again.o.bytes());
  EXPECT_EQ(c.lse.bytes(), again.lse.bytes());
}

}  // namespace
