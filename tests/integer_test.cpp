// integer: scores of integer products, for one element type of the cache (CREST_TEST_ELEMENT): right within what it
// tells, and exact where it cannot be.
#include <gtest/gtest.h>

#include <algorithm>

#include "crest/executors.hpp"
#include "support/backends.hpp"
#include "support/cached.hpp"
#include "support/compare.hpp"
#include "support/count_allocations.hpp"
#include "support/matrix.hpp"
#include "support/user_variant.hpp"

namespace {

using crest::Index;
using crest::integer;
using crest::Report;
using test::Cached;
using test::for_each_backend;
using test::Spec;

using Element = CREST_TEST_ELEMENT;
constexpr bool whole = crest::is_float_element<Element>;  ///< nothing to multiply in integers
constexpr Index in = crest::elements_in<Element>;

/// Registers whole and in part, groups of 1 to 8, bands, splits, several queries.
Spec spec_of(Index run) {
  const Index dims[] = {32, 64, 96, 128, 160, 256, 576}, odd[] = {1, 7, 33, 80, 100},
              groups[] = {1, 2, 3, 4, 11, 8, 12};
  return {.shape = {.heads = 2 * groups[run % 7],
                    .kv_heads = 2,
                    .queries = run % 3 + 1,
                    .keys = std::array<Index, 6>{1, 7, 40, 130, 1000, 4500}[run % 6],
                    .head_dim = in == 1 && run % 2 ? odd[run % 5] : dims[(run + run / 7) % 7],
                    .value_dim = dims[run % 4]},
          .mask = run % 2 ? test::Mask{.causal = true} : test::Mask{.window = 300, .sinks = 5},
          .seed = static_cast<std::uint64_t>(run) + 1,
          .spread = 2,
          .common = 1};
}

std::vector<float> elements(test::Tensor<float>& t) {
  std::vector<float> all;
  const auto [planes, rows, columns] = t.extents();
  for (Index i = 0; i < planes * rows * columns; ++i)
    all.push_back(t.get(i / columns / rows, i / columns % rows, i % columns));
  return all;
}

std::vector<unsigned char> exact_bytes(Cached<Element>& c, crest::Backend backend) {
  c.plain.reset();
  test::compute(c.problem, crest::exact, backend);
  return c.plain.o.bytes();
}

TEST(Integer, TellsHowFarOffItIs) {
  for (Index run = 0; run < 42; ++run) {
    SCOPED_TRACE(run);
    Cached<Element> c(spec_of(run), {.page = run % 5 == 4 ? Index{16} : 0});
    const auto wanted = oracle::solve(c.plain.problem);
    for_each_backend([&](crest::Backend backend) {
      c.plain.reset();
      const Report report = test::run(c.problem, integer, backend);
      EXPECT_LE(test::expect_told(c, wanted), 1e-3);
      EXPECT_LE(test::distance(c.plain.problem, wanted).lse, 1e-3);
      EXPECT_EQ(report.keys_used, report.keys_visible);
      EXPECT_EQ(report.rows, c.problem.heads() * c.problem.queries());
      EXPECT_EQ(report.fallbacks, whole ? report.rows : 0);
      EXPECT_LE(report.worst_error, 1e-3f);
      EXPECT_TRUE(c.plain.o.gaps_untouched() && c.plain.lse.gaps_untouched() && c.plain.error.gaps_untouched());
    });
  }
}

/// A prediction that says little would hold as well, and so would a query that was not rounded.
TEST(Integer, TellsNotMuchMoreThanItIs) {
  if (whole) return;
  for_each_backend([&](crest::Backend backend) {
    std::vector<double> shares;  // of the error told
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Cached<Element> c({.shape = {.heads = 8, .kv_heads = 2, .keys = 700, .head_dim = 64, .value_dim = 64},
                         .seed = seed,
                         .spread = 4,
                         .common = 1});
      const auto wanted = oracle::solve(c.plain.problem);
      test::compute(c.problem, integer, backend);
      for (Index h = 0; h < 8; ++h)
        shares.push_back(test::relative_l2(c.plain.problem, h, 0, wanted[h]) / test::row_value(c.problem.error, h, 0));
    }
    std::nth_element(shares.begin(), shares.begin() + 80, shares.end());
    EXPECT_GT(shares[80], 0.1);
    EXPECT_LT(shares[80], 1);
  });
}

TEST(Integer, RowsBeyondTheTargetAreExact) {
  if (whole) return;
  Cached<Element> c({.shape = {.heads = 8, .kv_heads = 2, .keys = 9000, .head_dim = 64, .value_dim = 32}});
  for_each_backend([&](crest::Backend backend) {
    const auto wanted = exact_bytes(c, backend);
    const Report none = test::run(c.problem, integer, backend);
    EXPECT_NE(c.plain.o.bytes(), wanted);
    const Report all = test::run(c.problem, integer.with({.target_error = 1e-9f}), backend);
    EXPECT_EQ(c.plain.o.bytes(), wanted);
    EXPECT_EQ(all.fallbacks, all.rows);
    EXPECT_EQ(all.worst_error, 0);
    EXPECT_EQ(test::row_value(c.problem.error, 0, 0), 0);
    EXPECT_GT(none.worst_error, 0);
    EXPECT_EQ(test::run(c.problem, integer.with({.target_error = none.worst_error}), backend).fallbacks, 0);
  });
}

TEST(Integer, BytesAreThoseOfExactAndOfSixteenKeysMore) {
  if (whole) return;
  Cached<Element> c({.shape = {.heads = 8, .kv_heads = 2, .keys = 1000, .head_dim = 64, .value_dim = 128}});
  const Index row = 64 / in * Index{sizeof(Element)},
              lines = (row + 63) / 64 * 64 + (crest::is_scaled<Element> ? 64 : 0);
  const Report plain = test::run(c.problem), rounded = test::run(c.problem, integer);
  EXPECT_EQ(rounded.bytes_read, plain.bytes_read + 2 * 16 * static_cast<std::uint64_t>(lines));
  EXPECT_EQ(rounded.keys_scored, plain.keys_scored);
}

template <class T>
void spoil(T& e, float with) {
  if constexpr (std::is_same_v<T, crest::f16>) e = crest::to_f16(with);
  if constexpr (std::is_same_v<T, crest::q8_0> || std::is_same_v<T, crest::q4_0>) e.scale = crest::to_f16(with);
}

/// A query that no integer stands for, and a group that has one.
TEST(Integer, NonFiniteQueriesAreDoneExactly) {
  if (whole) return;
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    Cached<Element> c({.shape = {.heads = 4, .kv_heads = 2, .keys = 500, .head_dim = 64, .value_dim = 64}});
    c.plain.q.set(1, 0, 40, bad);
    for_each_backend([&](crest::Backend backend) {
      const auto wanted = exact_bytes(c, backend);
      c.plain.reset();
      const Report report = test::run(c.problem, integer.with({.target_error = 0}), backend);
      EXPECT_EQ(report.fallbacks, 2);
      for (Index h = 0; h < 2; ++h) {
        EXPECT_EQ(std::isnan(c.plain.o.get(h, 0, 5)), h == 1);
        EXPECT_EQ(test::row_value(c.problem.error, h, 0), 0);
      }
      EXPECT_GT(test::row_value(c.problem.error, 2, 0), 0);
      EXPECT_NE(c.plain.o.bytes(), wanted);
    });
  }
}

/// A step that would be too small for a float, beside queries that are not.
TEST(Integer, QueriesOfDenormalsLeaveTheirNeighboursAlone) {
  Cached<Element> c({.shape = {.heads = 4, .kv_heads = 1, .keys = 300, .head_dim = 64, .value_dim = 32}, .common = 1});
  for (Index x = 0; x < 64; ++x) c.plain.q.set(0, 0, x, 1e-42f);
  const auto wanted = oracle::solve(c.plain.problem);
  for_each_backend([&](crest::Backend backend) {
    c.plain.reset();
    test::compute(c.problem, integer, backend);
    EXPECT_LE(test::expect_told(c, wanted), 1e-3);
  });
}

/// The factor of one key among many that nobody looked at before.
TEST(Integer, AKeyThatIsNotANumberShows) {
  Cached<Element> c({.shape = {.heads = 4, .kv_heads = 1, .keys = 500, .head_dim = 64, .value_dim = 32}});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  if constexpr (crest::is_scaled<Element>) c.k_scales[7] = nan;
  spoil(c.k[7 * 64 / in], nan);
  for_each_backend([&](crest::Backend backend) {
    c.plain.reset();
    test::compute(c.problem, integer.with({.target_error = 0}), backend);
    for (Index h = 0; h < 4; ++h) EXPECT_TRUE(std::isnan(c.plain.o.get(h, 0, 3)));
  });
}

/// Sixteen visible keys, all looked at, and a hole between them whose keys are not numbers.
TEST(Integer, HiddenKeysAreNotLookedAt) {
  if (whole) return;
  const test::Shape shape{.heads = 4, .kv_heads = 1, .keys = 28, .head_dim = 64, .value_dim = 32};
  Cached<Element> c({.shape = shape});
  c.plain.see({{{0, 8}, {20, 28}}});
  c.problem.ranges = c.plain.problem.ranges, c.problem.range_of = c.plain.problem.range_of;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (Index j = 8; j < 20; ++j) {
    if constexpr (crest::is_scaled<Element>) c.k_scales[j] = nan;
    spoil(c.k[j * 64 / in], nan);
  }
  for_each_backend([&](crest::Backend backend) {
    EXPECT_EQ(test::run(c.problem, integer, backend).fallbacks, 0);
    EXPECT_FALSE(std::isnan(c.plain.o.get(3, 0, 3)));
  });
}

TEST(Integer, AQueryOfZerosWeighsAllKeysAlike) {
  Cached<Element> c({.shape = {.heads = 3, .kv_heads = 1, .keys = 77, .head_dim = 32, .value_dim = 32}, .common = 1});
  for (Index x = 0; x < 32; ++x) c.plain.q.set(1, 0, x, 0);
  const auto wanted = oracle::solve(c.plain.problem);
  for_each_backend([&](crest::Backend backend) {
    c.plain.reset();
    EXPECT_EQ(test::run(c.problem, integer, backend).fallbacks, whole ? 3 : 0);
    test::expect_told(c, wanted);
    EXPECT_EQ(test::row_value(c.problem.error, 1, 0), 0);
  });
}

template <class T>
void fill_with_lowest(T& e) {
  if constexpr (std::is_same_v<T, crest::i8>) e.bits = -128;
  if constexpr (std::is_same_v<T, crest::q8_0>) std::fill_n(e.bytes, 32, std::int8_t{-128});
}

/// Codes of -128 against a query of equal elements: the largest sums there are.
TEST(Integer, TheLargestSumsFit) {
  if (whole) return;
  for (Index dim : {512, 576, 2048}) {
    SCOPED_TRACE(dim);
    Cached<Element> c({.shape = {.heads = 4, .kv_heads = 1, .keys = 40, .head_dim = dim, .value_dim = 32}});
    c.plain.q.fill([](Index, Index, Index) { return 0.5f; });
    for (Element& e : c.k) fill_with_lowest(e);
    for_each_backend([&](crest::Backend backend) {
      exact_bytes(c, backend);
      const auto wanted = c.plain.lse.get(0, 0, 0);
      EXPECT_EQ(test::run(c.problem, integer, backend).fallbacks, 0);
      EXPECT_NEAR(c.plain.lse.get(0, 0, 0), wanted, 1e-4 * std::abs(wanted));
    });
  }
}

TEST(Integer, ChangedLogitsAndRangesWithHoles) {
  const std::array<float, 6> slopes{0.01f, 0.02f, 0, 0.05f, 0.01f, 0.002f}, sinks{2, 3, 1, 0, 5, 2};
  const test::Shape shape{.heads = 6, .kv_heads = 2, .queries = 3, .keys = 300, .head_dim = 64, .value_dim = 32};
  test::Tensor<float> bias({6, 3, 300});
  bias.fill([](Index h, Index i, Index j) { return 0.01f * static_cast<float>((h * 7 + i * 3 + j) % 50); });
  for (int run = 0; run < 4; ++run) {
    SCOPED_TRACE(run);
    Cached<Element> c({.shape = shape, .mask = {.causal = true}, .seed = 5, .common = 1});
    if (run == 3) c.plain.problem.logits.bias = bias.view();
    if (run == 0) c.plain.see(test::holes(shape, 5));
    if (run == 1) c.plain.problem.logits.softcap = 5;
    if (run == 2) c.plain.problem.logits.slopes = slopes, c.plain.problem.logits.sinks = sinks;
    c.problem.ranges = c.plain.problem.ranges, c.problem.range_of = c.plain.problem.range_of;
    c.problem.logits = c.plain.problem.logits;
    const auto wanted = oracle::solve(c.plain.problem);
    for_each_backend([&](crest::Backend backend) {
      c.plain.reset();
      test::compute(c.problem, integer, backend);
      EXPECT_LE(test::expect_told(c, wanted), 1e-3);
    });
  }
}

/// Squeezes logits and hides keys.
struct SqueezeSome : test::Squeeze, test::Alternate {};

/// What a user's variant changes, integer changes, too: in integers and where it is exact. One element type stands for
/// all: compiling it for each takes long.
TEST(Integer, TakesAUsersVariant) {
  if constexpr (std::is_same_v<Element, crest::i8>) {
    const SqueezeSome variant{{}, {3}};
    for (Index queries : {2, 60}) {
      Cached<Element> c(
          {.shape = {.heads = 4, .kv_heads = 2, .queries = queries, .keys = 400, .head_dim = 64, .value_dim = 32}});
      for_each_backend([&](crest::Backend backend) {
        test::compute(c.problem, crest::Variant{crest::exact, variant}, backend);
        const std::vector<float> wanted = elements(c.plain.o);
        const Report report = test::run(c.problem, crest::Variant{integer, variant}, backend);
        const std::vector<float> is = elements(c.plain.o);
        for (std::size_t i = 0; i < is.size(); ++i) EXPECT_NEAR(is[i], wanted[i], queries > 2 ? 0 : 1e-3);
        EXPECT_EQ(report.fallbacks, queries > 2 ? report.rows : 0);
      });
    }
  }
}

/// Scratch is what scratch_bytes() says, and the only memory that a call takes.
TEST(Integer, TakesNoMemoryButScratch) {
  Cached<Element> c(
      {.shape = {.heads = 12, .kv_heads = 2, .queries = 2, .keys = 5000, .head_dim = 64, .value_dim = 64}});
  crest::Serial serial;
  EXPECT_GE(serial.scratch(crest::scratch_bytes(c.problem, integer)).size(), 1u);
  for (int call = 0; call < 3; ++call) {
    const int before = test::allocations;
    EXPECT_TRUE(crest::attention(c.problem, integer, serial).ok());
    EXPECT_EQ(test::allocations, before);
  }
}

TEST(Integer, SeesNothingWhereNothingIsVisible) {
  Cached<Element> c({.shape = {.heads = 4, .kv_heads = 2, .queries = 3, .keys = 2, .head_dim = 32, .value_dim = 32},
                     .mask = {.causal = true}});
  for_each_backend([&](crest::Backend backend) {
    c.plain.reset();
    test::compute(c.problem, integer, backend);
    EXPECT_EQ(c.plain.o.get(3, 0, 1), 0);
    EXPECT_EQ(test::row_value(c.problem.lse, 3, 0), -std::numeric_limits<float>::infinity());
    EXPECT_EQ(test::row_value(c.problem.error, 3, 0), 0);
  });
}

/// Prompts, and caches of floats.
TEST(Integer, WhatItLeavesIsExact) {
  for (Index queries : {1, 60}) {
    if (queries == 1 && !whole) continue;
    Cached<Element> c({.shape = {.heads = 4, .kv_heads = 2, .queries = queries, .keys = 6000, .head_dim = 64}});
    for_each_backend([&](crest::Backend backend) {
      const auto wanted = exact_bytes(c, backend);
      c.plain.reset();
      const Report report = test::run(c.problem, integer, backend);
      EXPECT_EQ(c.plain.o.bytes(), wanted);
      EXPECT_EQ(report.fallbacks, report.rows);
      EXPECT_EQ(report.worst_error, 0);
    });
  }
}

TEST(Integer, ThreadsAndPagesChangeNoBit) {
  const Spec spec{.shape = {.heads = 8, .kv_heads = 2, .queries = 2, .keys = 9000, .head_dim = 64, .value_dim = 96}};
  Cached<Element> flat(spec), paged(spec, {.page = 16});
  crest::Pool pool(3);
  for_each_backend([&](crest::Backend backend) {
    const Report one = test::run(flat.problem, integer, backend), other = test::run(paged.problem, integer, backend);
    EXPECT_EQ(flat.plain.o.bytes(), paged.plain.o.bytes());
    EXPECT_EQ(one.bytes_read, other.bytes_read);
    const auto wanted = flat.plain.o.bytes();
    flat.plain.reset();
    EXPECT_EQ(crest::attention(flat.problem, integer, pool, backend).worst_error, one.worst_error);
    EXPECT_EQ(flat.plain.o.bytes(), wanted);
  });
}

TEST(Integer, RefusesATargetBelowZero) {
  const Cached<Element> c(spec_of(0));
  EXPECT_EQ(crest::attention(c.problem, integer.with({.target_error = -1})).status, crest::Status::recipe_target_error);
  EXPECT_TRUE(c.plain.untouched());
}

}  // namespace
