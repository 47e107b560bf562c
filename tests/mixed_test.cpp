// mixed: prompts by products of bf16, for one element type (CREST_TEST_ELEMENT): right within what it tells, and exact
// where it cannot be, in software that computes what tile registers would.
#include "support/mixed.hpp"

#include <gtest/gtest.h>

#include "crest/executors.hpp"

namespace {

using Element = CREST_TEST_ELEMENT;
using crest::Index;
using crest::mixed;
using crest::Report;
using test::Case;
using test::emulated;
using Errors = test::MixedErrors<Element>;
using test::Spec;

constexpr float infinity = std::numeric_limits<float>::infinity();

/// Whole and part blocks of 32 rows, steps of 32 places, registers of 16 columns.
constexpr test::Shape shapes[] = {
    {.heads = 1, .kv_heads = 1, .queries = 200, .keys = 200, .head_dim = 64, .value_dim = 64},
    {.heads = 6, .kv_heads = 2, .queries = 67, .keys = 130, .head_dim = 33, .value_dim = 80},
    {.heads = 4, .kv_heads = 1, .queries = 61, .keys = 64, .head_dim = 128, .value_dim = 31},
    {.heads = 5, .kv_heads = 1, .queries = 40, .keys = 333, .head_dim = 7, .value_dim = 48},
    {.heads = 16, .kv_heads = 2, .queries = 24, .keys = 97, .head_dim = 80, .value_dim = 100},
    {.heads = 128, .kv_heads = 1, .queries = 1, .keys = 150, .head_dim = 96, .value_dim = 64},
    {.heads = 3, .kv_heads = 1, .queries = 90, .keys = 50, .head_dim = 16, .value_dim = 3}};
constexpr test::Mask masks[] = {{}, {.causal = true}, {.causal = true, .window = 30, .sinks = 3}, {.window = 90}};

template <class F>
void for_each_prompt(F&& f) {
  std::uint64_t seed = 1;
  for (const test::Shape& shape : shapes)
    for (const test::Mask& mask : masks) {
      SCOPED_TRACE(test::describe(shape) + ", mask " + std::to_string((seed - 1) % 4));
      f(Spec{.shape = shape, .mask = mask, .seed = seed, .layout = test::layouts[seed % 11]});
      ++seed;
    }
}

TEST(Mixed, TellsHowFarOffItIs) {
  for_each_prompt([](const Spec& spec) {
    Case<Element> c(spec);
    const auto wanted = oracle::solve(c.problem);
    test::for_each_backend([&](crest::Backend backend) {
      c.reset();
      const Report report = test::run(c.problem, emulated, backend);
      const Errors errors(c.problem, wanted);
      EXPECT_LE(errors.largest, spec.shape.value_dim > 3 ? 0.005 : 0.006) << "two predicted errors of at most .003";
      EXPECT_LE(errors.largest_ratio, 4);
      ASSERT_GT(errors.ratios.size(), wanted.size() / 5);
      EXPECT_GT(errors.median(), spec.shape.value_dim > 3 ? 0.3 : 0.01);
      EXPECT_LT(errors.median(), 1.2);
      EXPECT_LE(test::distance(c.problem, wanted).lse, 2e-3);
      EXPECT_EQ(report.keys_used, report.keys_visible);
      EXPECT_EQ(report.rows, c.problem.heads() * c.problem.queries());
      EXPECT_LE(report.worst_error, 0.003f);
      EXPECT_TRUE(c.o.gaps_untouched() && c.lse.gaps_untouched() && c.error.gaps_untouched());
    });
  });
}

/// The median row, where values do not cancel: what bf16 gives.
TEST(Mixed, IsAsGoodAsBf16Is) {
  Case<Element> c({.shape = {.heads = 4, .kv_heads = 2, .queries = 100, .keys = 500, .head_dim = 64, .value_dim = 64},
                   .mask = {.causal = true},
                   .common = 1});
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend([&](crest::Backend backend) {
    c.reset();
    const Report report = test::run(c.problem, emulated, backend);
    const Errors errors(c.problem, wanted);
    EXPECT_LE(errors.largest, 0.004);
    EXPECT_EQ(report.fallbacks, 0);
    EXPECT_EQ(errors.ratios.size(), 400u);
  });
}

/// Rounded weights are divided by the sum of rounded weights.
TEST(Mixed, EqualValuesAreReturned) {
  Case<Element> c({.shape = {.heads = 2, .kv_heads = 1, .queries = 50, .keys = 300, .value_dim = 20}});
  c.v.fill([](Index, Index, Index) { return 1.0f; });
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, emulated, backend);
    for (Index i = 0; i < 50; ++i) EXPECT_NEAR(c.o.get(1, i, 19), 1, 1e-6);
  });
}

/// Scores of hundreds of nats keep 16 bits: a thousandth of a nat and more would show.
TEST(Mixed, LargeScoresStaySharp) {
  Case<Element> c({.shape = {.heads = 2, .kv_heads = 1, .queries = 60, .keys = 400, .head_dim = 64}, .spread = 40});
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend(
      [&](crest::Backend backend) { EXPECT_LE(test::run_emulated(c, wanted, backend, 12).largest, 0.005); });
}

TEST(Mixed, RangesWithHolesAndChangedLogits) {
  const std::array<float, 6> slopes{0.01f, 0.02f, 0, 0.05f, 0.01f, 0.002f}, sinks{2, 3, 1, 0, 5, 2};
  const test::Shape shape{.heads = 6, .kv_heads = 2, .queries = 70, .keys = 300, .head_dim = 40, .value_dim = 24};
  for (int run = 0; run < 3; ++run) {
    Case<Element> c({.shape = shape, .mask = {.causal = true}, .seed = 5});
    if (run == 0) c.see(test::holes(shape, 5));
    if (run == 1) c.problem.logits.softcap = 5;
    if (run == 2) c.problem.logits.slopes = slopes, c.problem.logits.sinks = sinks;
    const auto wanted = oracle::solve(c.problem);
    test::for_each_backend([&](crest::Backend backend) {
      c.reset();
      test::compute(c.problem, emulated, backend);
      EXPECT_LE(Errors(c.problem, wanted).largest_ratio, 4);
    });
  }
}

/// Bytes of o and lse of a case done exactly.
std::vector<unsigned char> exact_bytes(const Spec& spec, crest::Backend backend) {
  const Case<Element> c(spec);
  test::compute(c.problem, crest::exact, backend);
  return c.o.bytes();
}

constexpr Spec typical{.shape = {.heads = 6, .kv_heads = 2, .queries = 67, .keys = 130}, .mask = {.causal = true}};

/// Notes whether it meets what is not a number.
struct Watch {
  bool* strange;

  void transform(std::span<float> logits) const {
    for (float s : logits) *strange |= !std::isfinite(s);
  }
};

TEST(Mixed, VariantsMeetNoScoresOfOtherBlocks) {
  const Case<Element> c({.shape = {.heads = 2, .kv_heads = 2, .queries = 300, .keys = 300}, .mask = {.causal = true}});
  test::for_each_backend([&](crest::Backend backend) {
    bool strange = false;
    test::compute(c.problem, crest::Variant{emulated, Watch{&strange}}, backend);
    EXPECT_FALSE(strange);
  });
}

TEST(Mixed, WithoutTileRegistersItIsExact) {
  test::for_each_backend([&](crest::Backend backend) {
    if (backend.tiles()) return;
    Case<Element> c(typical);
    const Report report = test::run(c.problem, mixed, backend);
    EXPECT_EQ(c.o.bytes(), exact_bytes(typical, backend));
    EXPECT_EQ(report.fallbacks, report.rows);
    EXPECT_EQ(report.worst_error, 0);
    EXPECT_EQ(test::row_value(c.problem.error, 5, 66), 0);
  });
}

/// Few queries over a long cache are cut into as many tasks as those of exact.
TEST(Mixed, WhatIsExactIsSplitAsExactIs) {
  for (Index queries : {1, 60}) {
    const Spec spec{.shape = {.heads = 2, .kv_heads = 1, .queries = queries, .keys = 6000}};
    test::for_each_backend([&](crest::Backend backend) {
      if (backend.tiles()) return;
      const Case<Element> c(spec);
      test::compute(c.problem, mixed, backend);
      EXPECT_EQ(c.o.bytes(), exact_bytes(spec, backend));
    });
  }
  const Spec one{.shape = {.heads = 2, .kv_heads = 1, .keys = 6000}};
  Case<Element> c(one);
  test::compute(c.problem, emulated);
  EXPECT_EQ(c.o.bytes(), exact_bytes(one, crest::Backend::best()));
}

TEST(Mixed, FewRowsAreExact) {
  Spec few = typical;
  few.shape.queries = 7;
  test::for_each_backend([&](crest::Backend backend) {
    Case<Element> c(few);
    const Report report = test::run(c.problem, emulated, backend);
    EXPECT_EQ(c.o.bytes(), exact_bytes(few, backend));
    EXPECT_EQ(report.fallbacks, report.rows);
  });
}

TEST(Mixed, RowsBeyondTheTargetAreExact) {
  test::for_each_backend([&](crest::Backend backend) {
    Case<Element> all(typical), some(typical), none(typical);
    const Report done = test::run(all.problem, mixed.with({.target_error = 1e-7f, .emulate = true}), backend);
    EXPECT_EQ(all.o.bytes(), exact_bytes(typical, backend));
    EXPECT_EQ(done.fallbacks, done.rows);
    EXPECT_EQ(done.worst_error, 0);
    EXPECT_EQ(test::run(none.problem, mixed.with({.target_error = 0, .emulate = true}), backend).fallbacks, 0);
    const float middle = test::row_value(none.problem.error, 3, 40);
    const Report half = test::run(some.problem, mixed.with({.target_error = middle, .emulate = true}), backend);
    EXPECT_GT(half.fallbacks, 0);
    EXPECT_LT(half.fallbacks, half.rows);
    EXPECT_EQ(half.worst_error, middle);
    EXPECT_GT(half.bytes_read, test::run(none.problem, emulated.with({.target_error = 0, .emulate = true})).bytes_read);
    EXPECT_EQ(half.keys_used, half.keys_visible);
  });
}

/// What is not finite, or too large for bf16, reaches those who see it and nobody else.
TEST(Mixed, NonFiniteRowsAreDoneExactly) {
  for (const float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 3.4e38f})
    for (const bool in_keys : {false, true}) {
      Case<Element> c(typical), plain(typical);
      for (Case<Element>* each : {&c, &plain}) (in_keys ? each->k : each->v).set(1, 100, 3, bad);
      test::for_each_backend([&](crest::Backend backend) {
        c.reset(), plain.reset();
        const Report report = test::run(c.problem, emulated, backend);
        test::compute(plain.problem, crest::exact, backend);
        EXPECT_GE(report.fallbacks, in_keys ? 30 : 90);
        for (Index i = 0; i < 67; ++i) {
          const float is = c.o.get(4, i, 3), wanted = plain.o.get(4, i, 3);
          if (std::isfinite(wanted))
            EXPECT_NEAR(is, wanted, 0.02 * std::max(1.0f, std::abs(wanted))) << i;
          else
            EXPECT_EQ(std::isnan(is), std::isnan(wanted)) << i;
        }
      });
    }
}

/// A tile of keys of 1, then 400 of e^39: their sum's square is past all floats, the sum of their squares is not.
TEST(Mixed, SumsOfSquaresThatOverflowVouchForNothing) {
  constexpr Index tile = crest::MixedShape::tile_keys;
  Case<Element> c(
      {.shape = {.heads = 2, .kv_heads = 1, .queries = 40, .keys = tile + 400, .head_dim = 1, .value_dim = 8}});
  c.q.fill([](Index, Index, Index) { return 1.0f; });
  c.k.fill([](Index, Index j, Index) { return j < tile ? 0.0f : 39.0f; });
  c.v.fill([](Index, Index, Index) { return 1.0f; });
  test::for_each_backend([&](crest::Backend backend) {
    c.reset();
    const Report report = test::run(c.problem, emulated, backend);
    EXPECT_EQ(report.fallbacks, report.rows) << "a row vouched for an error that it cannot know";
    test::expect_close(c.problem);
  });
}

/// Places of a tile that no key holds repeat what is in it, and not what an earlier tile left there. Every query sees
/// two keys, the last three one of a second tile.
TEST(Mixed, TilesForgetWhatTheyHeld) {
  constexpr Index tile = crest::MixedShape::tile_keys, queries = tile / 2 + 3;
  static_assert(queries <= crest::prefill_rows, "one task has both tiles");
  Case<Element> c({.shape = {.heads = 2, .kv_heads = 2, .queries = queries, .keys = tile + 60}});
  std::vector<std::vector<crest::KeyRange>> lists;
  for (Index i = 0; i < tile / 2; ++i) lists.push_back({{2 * i, 2 * i + 2}});
  for (Index i = 0; i < 3; ++i) lists.push_back({{tile + i, tile + i + 1}});
  c.see(lists);
  c.v.set(1, 100, 3, infinity);
  test::for_each_backend([&](crest::Backend backend) {
    EXPECT_GE(test::run(c.problem, emulated, backend).fallbacks, 3);
    for (Index i = queries - 3; i < queries; ++i) EXPECT_GT(test::row_value(c.problem.error, 1, i), 0) << "query " << i;
  });
}

/// Blocks of rows that see nothing of the first steps of a tile.
TEST(Mixed, WindowsBeginInsideTiles) {
  Case<Element> c({.shape = {.heads = 1, .kv_heads = 1, .queries = 200, .keys = 200, .head_dim = 32},
                   .mask = {.causal = true, .window = 40}});
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend(
      [&](crest::Backend backend) { EXPECT_LE(test::run_emulated(c, wanted, backend, 40).largest_ratio, 4); });
}

/// Rows that share a tile are as many as leave some tasks.
TEST(Mixed, RowsOfATask) {
  const auto rows = [](Index heads, Index queries) {
    const Case<Element> c(
        {.shape = {.heads = heads, .kv_heads = 1, .queries = queries, .keys = 2, .head_dim = 1, .value_dim = 1}});
    return crest::plan_mixed(c.problem, crest::TileUnit::model).units();
  };
  EXPECT_EQ(rows(2, 400), 192);
  EXPECT_EQ(rows(16, 1000), 496);
  EXPECT_EQ(rows(16, 4000), 768);
}

/// A task of more rows than the other tests have.
TEST(Mixed, ManyRows) {
  Case<Element> c({.shape = {.heads = 32, .kv_heads = 1, .queries = 250, .keys = 40, .head_dim = 8, .value_dim = 16}});
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend(
      [&](crest::Backend backend) { EXPECT_LE(test::run_emulated(c, wanted, backend, 32 * 250).largest, 0.005); });
}

/// Half a step of bf16 at most, just below a power of two as well.
TEST(Mixed, ValuesAreRoundedToTheNearest) {
  Case<Element> c({.shape = {.heads = 2, .kv_heads = 1, .queries = 50, .keys = 300, .value_dim = 20}});
  c.v.fill([](Index, Index, Index) { return 0x1.fffffep-1f; });
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, emulated, backend);
    for (Index i = 0; i < 50; ++i) EXPECT_NEAR(c.o.get(1, i, 19), 1, 1e-6);
  });
}

TEST(Mixed, ThreadsChangeNoBit) {
  const Spec spec{.shape = {.heads = 6, .kv_heads = 2, .queries = 150, .keys = 300}, .mask = {.causal = true}};
  Case<Element> c(spec), again(spec);
  crest::Pool pool(3);
  EXPECT_TRUE(crest::attention(c.problem, emulated).ok());
  EXPECT_TRUE(crest::attention(again.problem, emulated, pool).ok());
  EXPECT_EQ(c.o.bytes(), again.o.bytes());
  EXPECT_EQ(c.error.bytes(), again.error.bytes());
}

TEST(Mixed, ATargetBelowZeroIsRefused) {
  const Case<Element> c(typical);
  for (const float target : {-1.0f, -infinity, std::numeric_limits<float>::quiet_NaN()})
    EXPECT_EQ(crest::attention(c.problem, mixed.with({.target_error = target})).status,
              crest::Status::recipe_target_error);
  EXPECT_TRUE(c.untouched());
}

}  // namespace
