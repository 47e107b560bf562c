// mixed: queries that bf16 holds or does not, and scales of any sign and size.
#include <gtest/gtest.h>

#include "support/mixed.hpp"

namespace {

using Element = CREST_TEST_ELEMENT;
using crest::Index;
using test::Case;
using test::emulated;
using test::Spec;
using Errors = test::MixedErrors<Element>;

constexpr Spec typical{.shape = {.heads = 6, .kv_heads = 2, .queries = 67, .keys = 130}, .mask = {.causal = true}};

/// Queries are multiplied as they came: what bf16 holds has no remainder, and one row that has some gives it to all.
TEST(Mixed, QueriesThatBf16Holds) {
  for (const bool all : {true, false}) {
    Case<Element> c({.shape = {.heads = 2, .kv_heads = 1, .queries = 60, .keys = 400, .head_dim = 64}, .spread = 40});
    for (Index h = 0; h < 2; ++h)
      for (Index i = 0; i < 60; ++i)
        c.q.fill_row(h, i, [&](Index x) {
          const float q = c.q.get(h, i, x);
          return all || (h + i) % 60 > 0 ? crest::to_float(crest::to_bf16(q)) : q;
        });
    const auto wanted = oracle::solve(c.problem);
    test::for_each_backend(
        [&](crest::Backend backend) { EXPECT_LE(test::run_emulated(c, wanted, backend, 12).largest, 0.005); });
  }
}

TEST(Mixed, NegativeScales) {
  Case<Element> c(typical);
  c.problem.scale = -0.3f;
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend(
      [&](crest::Backend backend) { EXPECT_LE(test::run_emulated(c, wanted, backend, 30).largest_ratio, 4); });
}

/// Queries that come in bf16 are multiplied as they lie, or negated; by a scale that floats could not make up for later
/// before they are rounded.
TEST(Mixed, QueriesOfBf16) {
  for (float scale : {0.3f, -0.3f, 0x1p-30f}) {
    Case<Element> c({.shape = {.heads = 2, .kv_heads = 1, .queries = 50, .keys = 100, .head_dim = 33}});
    test::Tensor<crest::bf16> q({2, 50, 33}, {.row_gap = 3});
    q.fill([&](Index h, Index i, Index x) { return c.q.get(h, i, x) * (scale < 0.1f && scale > 0 ? 0x1p28f : 1.0f); });
    c.problem.scale = scale, c.problem.q = q.view();
    const auto wanted = oracle::solve(c.problem);
    Case<Element> longer({.shape = {.heads = 2, .kv_heads = 1, .queries = 50, .keys = 100, .head_dim = 64}});
    longer.q.fill([](Index, Index, Index) { return NAN; });
    test::for_each_backend([&](crest::Backend backend) {
      test::compute(longer.problem, emulated, backend);  // leaves its queries in memory
      EXPECT_LE(test::run_emulated(c, wanted, backend, 50).largest_ratio, 4) << scale;
    });
  }
}

/// Products of q and k that no float holds, of scores that are small.
TEST(Mixed, ScoresOfHugeQueries) {
  Case<Element> c({.shape = {.heads = 1, .kv_heads = 1, .queries = 60, .keys = 60, .head_dim = 16, .value_dim = 16}});
  c.problem.scale = 1e-38f;
  c.q.fill([](Index, Index, Index) { return 1e19f; });
  c.k.fill([](Index, Index j, Index) { return j % 2 ? -3e18f : -2e18f; });
  c.v.fill([](Index, Index j, Index) { return j % 2 ? 1.0f : 2.0f; });
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend([&](crest::Backend backend) {
    c.reset();
    test::compute(c.problem, emulated, backend);
    EXPECT_LE(Errors(c.problem, wanted).largest, 0.005);
  });
}

}  // namespace
