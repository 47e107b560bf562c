// Infinities and NaN: `exact` is non-finite exactly where the oracle is, and what a mask hides is never read.
#include <gtest/gtest.h>

#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"

namespace {

using crest::Index;
using crest::KeyRange;
using test::Case;

constexpr float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
constexpr float planted[] = {nan, infinity, -infinity};

constexpr crest::Recipe looking{crest::Stride{1}, crest::Stay{}, crest::Margin{}, crest::Everything{}};

/// Finite where the oracle is finite, and close there; non-finite elsewhere.
template <class T>
void expect_same_pattern(const crest::Problem<T>& p) {
  for (Index head = 0; head < p.heads(); ++head)
    for (Index query = 0; query < p.queries(); ++query) {
      const oracle::Row row = oracle::attend(p, head, query);
      EXPECT_EQ(std::isfinite(p.lse(head, query)), std::isfinite(row.lse)) << "lse of head " << head;
      for (Index x = 0; x < p.value_dim(); ++x) {
        const float y = p.o(head, query, x);
        EXPECT_EQ(std::isfinite(y), std::isfinite(row.o[x]))
            << y << " for " << row.o[x] << ", head " << head << " x " << x;
        EXPECT_TRUE(!std::isfinite(y) || std::abs(y - row.o[x]) <= 1e-5) << y << " for " << row.o[x];
      }
    }
}

template <class T>
void expect_same_pattern_everywhere(const Case<T>& c) {
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::exact, backend);
    expect_same_pattern(c.problem);
  });
}

/// A few places in the cache: first, last, inside a block, in the middle.
constexpr Index places[] = {0, 5, 2500, 4999};
constexpr test::Spec long_cache{
    .shape = {.heads = 3, .kv_heads = 1, .queries = 2, .keys = 5000, .head_dim = 20, .value_dim = 20}};

TEST(NonFinite, Queries) {
  for (float bad : planted) {
    Case<float> c(long_cache);
    c.q.set(1, 1, 17, bad);
    expect_same_pattern_everywhere(c);
  }
}

TEST(NonFinite, Keys) {
  for (float bad : planted)
    for (Index place : places) {
      Case<float> c(long_cache);
      c.k.set(0, place, 3, bad);
      expect_same_pattern_everywhere(c);
    }
}

/// Queries of a prompt do not notice what only others see, though they share tiles of keys.
TEST(NonFinite, ValuesThatSomeQueriesOfAPromptSee) {
  for (float bad : planted)
    for (Index place : {60, 61, 75, 99}) {
      Case<float> c({.shape = {.heads = 3, .kv_heads = 1, .queries = 40, .keys = 100, .head_dim = 20, .value_dim = 20},
                     .mask = {.causal = true}});
      c.v.set(0, place, 19, bad);
      expect_same_pattern_everywhere(c);
      c.k.set(0, place, 3, bad);
      expect_same_pattern_everywhere(c);
    }
}

TEST(NonFinite, Values) {
  for (float bad : planted)
    for (Index place : places) {
      Case<float> c(long_cache);
      c.v.set(0, place, 19, bad);
      expect_same_pattern_everywhere(c);
    }
}

TEST(NonFinite, StoredInSixteenBits) {
  for (float bad : planted) {
    Case<crest::f16> half(long_cache);
    half.k.set(0, 40, 1, bad), half.v.set(0, 1, 2, bad);
    expect_same_pattern_everywhere(half);
  }
}

/// Long enough that a split cache has parts without any finite score.
TEST(NonFinite, WholePartsOfMinusInfinity) {
  Case<float> c({.shape = {.heads = 3, .kv_heads = 1, .keys = 12000, .head_dim = 3, .value_dim = 3}});
  c.q.fill([](Index, Index, Index x) { return x == 0 ? 1.0f : 0.1f; });
  for (KeyRange part : {KeyRange{0, 6000}, {3000, 9000}, {6000, 12000}}) {
    c.k.fill([&](Index, Index j, Index x) { return x == 0 && j >= part.first && j < part.last ? -infinity : 0.5f; });
    expect_same_pattern_everywhere(c);
  }
}

TEST(NonFinite, EveryScoreMinusInfinity) {
  Case<float> c({.shape = {.keys = 30}});
  c.q.fill([](Index, Index, Index) { return 1.0f; });
  c.k.fill([](Index, Index, Index) { return -infinity; });
  expect_same_pattern_everywhere(c);
}

TEST(NonFinite, LookingAtEveryKeyShowsThemToo) {
  for (float bad : planted) {
    Case<float> keys(long_cache), values(long_cache);
    keys.k.set(0, 1500, 3, bad);
    values.v.set(0, 1500, 3, bad);
    for (Case<float>* c : {&keys, &values}) {
      test::compute(c->problem, looking);
      expect_same_pattern(c->problem);
    }
  }
}

/// Puts NaN into every K and V row that no query sees.
template <class T>
void poison_hidden_rows(Case<T>& c) {
  for (Index j = 0; j < c.problem.keys(); ++j) {
    bool seen = false;
    for (Index i = 0; i < c.problem.queries(); ++i) seen |= oracle::sees(c.problem, i, j);
    if (seen) continue;
    for (Index head = 0; head < c.problem.kv_heads(); ++head) {
      c.k.fill_row(head, j, [](Index) { return nan; });
      c.v.fill_row(head, j, [](Index) { return nan; });
    }
  }
}

template <class T>
void expect_hidden_rows_unread(Case<T>& c) {
  poison_hidden_rows(c);
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::exact, backend);
    test::expect_close(c.problem);
    test::compute(c.problem, looking, backend);
    test::expect_close(c.problem);
  });
}

TEST(Hidden, RowsOutsideTheMaskAreNotRead) {
  for (Index queries : {1, 3}) {
    Case<float> c({.shape = {.queries = queries, .keys = 300}, .mask = {.causal = true, .window = 50, .sinks = 3}});
    expect_hidden_rows_unread(c);
  }
}

TEST(Hidden, RowsOutsideTheRangesAreNotRead) {
  Case<float> c({.shape = {.queries = 2, .keys = 2500}});
  c.see({{{3, 4}, {9, 30}, {1100, 1101}}, {{9, 9}, {40, 47}, {2000, 2499}}});
  expect_hidden_rows_unread(c);
}

template <class T, class R>
void expect_empty_row(Case<T>& c, Index head, Index query, const R& recipe) {
  test::for_each_backend([&](crest::Backend backend) {
    c.reset();
    test::compute(c.problem, recipe, backend);
    test::expect_close(c.problem);
    EXPECT_EQ(c.problem.lse(head, query), -infinity);
    EXPECT_EQ(c.problem.error(head, query), 0);
    for (Index x = 0; x < c.problem.value_dim(); ++x) EXPECT_EQ(c.problem.o(head, query, x), 0);
  });
}

TEST(Empty, QueriesBeforeTheFirstKey) {
  Case<float> c({.shape = {.queries = 5, .keys = 3}, .mask = {.causal = true}});
  expect_empty_row(c, 1, 1, crest::exact);
  expect_empty_row(c, 1, 1, looking);
}

TEST(Empty, NoKeysAtAll) {
  Case<float> c({.shape = {.keys = 0}});
  expect_empty_row(c, 3, 0, crest::exact);
  expect_empty_row(c, 3, 0, looking);
}

TEST(Empty, QueriesWithoutRanges) {
  Case<float> c({.shape = {.queries = 3, .keys = 1500}});
  c.see({{{0, 1500}}, {}, {{7, 7}}});
  expect_empty_row(c, 0, 1, crest::exact);
  expect_empty_row(c, 0, 2, crest::exact);
  expect_empty_row(c, 0, 2, looking);
}

TEST(Empty, NoQueriesAndNoHeads) {
  Case<float> none({.shape = {.queries = 0}}), headless({.shape = {.heads = 0}});
  EXPECT_EQ(test::run(none.problem).rows, 0);
  EXPECT_EQ(test::run(headless.problem).rows, 0);
}

}  // namespace
