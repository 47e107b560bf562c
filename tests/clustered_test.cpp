// The clustered recipe against its slow twin: which keys it samples, scores and uses, what it computes from them, and
// what it says about what it left out.
#include <gtest/gtest.h>

#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/clustered_reference.hpp"
#include "support/compare.hpp"
#include "support/expected_report.hpp"
#include "support/slopes.hpp"

namespace {

using crest::Index;
using crest::Report;
using test::Case;
using test::Data;

template <class T>
void expect_as_the_twin(const Case<T>& c, const crest::Clustered& recipe) {
  test::for_each_backend([&](crest::Backend backend) {
    const Report report = test::run(c.problem, recipe, backend);
    test::ExpectedReport<T>(c.problem, [&](Index kv_head, Index query) {
      return reference::clustered(c.problem, recipe, kv_head, query);
    }).check(report);
  });
}

constexpr crest::Clustered recipes[] = {
    {},
    {crest::Stride{5}, crest::Window{.reach = 3, .peaks = 2}, crest::Margin{}, crest::Plateau{4}},
    {crest::Stride{1}, crest::Window{.reach = 0, .peaks = 1}, crest::Margin{0}, crest::Plateau{1}},
    {crest::Stride{64}, crest::Window{.reach = 40, .peaks = 16}, crest::Margin{10}, crest::Plateau{0}},
    {crest::Stride{16},
     crest::Window{.reach = 8},
     crest::Margin{},
     crest::Plateau{2},
     {.keep_first = 0, .keep_last = 0}},
    {crest::Stride{1024},
     crest::Window{.reach = 0, .peaks = 1},
     crest::Margin{},
     crest::Plateau{},
     {.keep_first = 0, .keep_last = 0}},
    {crest::Stride{33},
     crest::Window{.reach = 1},
     crest::Margin{},
     crest::Plateau{6},
     {.keep_first = 1, .keep_last = 7}}};

TEST(Clustered, DoesAsItsTwin) {
  std::uint64_t seed = 1;
  for (const crest::Clustered& recipe : recipes)
    for (Data data : {Data::smooth, Data::normal, Data::heavy})
      for (Index keys : {1, 40, 700}) {
        const Case<float> c({.shape = {.heads = 6, .kv_heads = 2, .keys = keys, .head_dim = 20, .value_dim = 24},
                             .data = data,
                             .seed = ++seed});
        expect_as_the_twin(c, recipe);
      }
}

TEST(Clustered, DoesAsItsTwinUnderMasks) {
  for (crest::Mask mask : {crest::Mask{.causal = true}, {.causal = true, .window = 200, .sinks = 9}, {.window = 33}})
    for (const crest::Clustered& recipe : recipes) {
      const Case<float> c({.shape = {.heads = 4, .kv_heads = 1, .queries = 3, .keys = 500}, .mask = mask});
      expect_as_the_twin(c, recipe);
    }
}

TEST(Clustered, DoesAsItsTwinOverRanges) {
  for (const crest::Clustered& recipe : recipes) {
    Case<float> c({.shape = {.heads = 2, .kv_heads = 1, .queries = 2, .keys = 600}, .data = Data::smooth});
    c.see({{{3, 40}, {41, 42}, {100, 350}}, {{0, 1}, {590, 600}}});
    expect_as_the_twin(c, recipe);
  }
}

/// Scores far below zero must change nothing but lse: the reference goes with them.
TEST(Clustered, FarFromZeroNothingChanges) {
  for (float shift : {-3000.0f, -150.0f, 150.0f, 3000.0f}) {
    Case<float> c({.shape = {.heads = 3, .kv_heads = 1, .keys = 300}, .data = Data::smooth});
    c.problem.scale = 0.125f;
    c.q.fill([&](Index i, Index j, Index x) { return x == 0 ? 8.0f : c.q.get(i, j, x); });
    c.k.fill([&](Index i, Index j, Index x) { return x == 0 ? shift : c.k.get(i, j, x); });
    const Report report = test::run(c.problem, crest::clustered);
    double missed = 0;
    for (Index h = 0; h < 3; ++h) {
      const reference::Look look = reference::clustered(c.problem, crest::clustered, 0, 0);
      missed += reference::missed_mass(look, look.scores[h]) / 3;
      EXPECT_LE(
          test::relative_l2(c.problem, h, 0, oracle::attend(c.problem, h, 0, {look.kept.begin(), look.kept.end()})),
          test::exact_tolerance + std::abs(shift) * 0x1p-22);
    }
    EXPECT_NEAR(report.missed_mass, missed, 1e-3);
  }
}

TEST(Clustered, CostGrowsAsKeysOverStride) {
  constexpr crest::Clustered recipe{crest::Stride{32}, crest::Window{.reach = 20, .peaks = 2}, crest::Margin{},
                                    crest::Plateau{}};
  const auto scored = [&](Index keys) {
    const Case<float> c({.shape = {.heads = 1, .kv_heads = 1, .keys = keys, .head_dim = 8, .value_dim = 8}});
    return test::run(c.problem, recipe).keys_scored;
  };
  const Index most = 2 * (2 * 20 + 1) + 4 + 64;  // windows, first and last keys
  for (Index keys : {1024, 8192, 65536}) {
    EXPECT_GE(scored(keys), keys / 32);
    EXPECT_LE(scored(keys), keys / 32 + most);
  }
}

TEST(Clustered, FirstAndLastKeysAreAlwaysUsed) {
  Case<float> c = test::scores_along_keys<float>({.heads = 1, .kv_heads = 1, .keys = 1000},
                                                 [](Index j) { return j >= 480 && j < 500 ? 30.0 : 0.0; });
  const crest::Clustered recipe = crest::clustered.with({.keep_first = 3, .keep_last = 5});
  EXPECT_EQ(test::run(c.problem, recipe).keys_used, 20 + 3 + 5);
  for (Index key : {0, 2, 3, 994, 995, 999}) {
    const float value = c.v.get(0, key, 0);
    c.v.set(0, key, 0, NAN);
    test::compute(c.problem, recipe);
    EXPECT_EQ(std::isnan(c.problem.o(0, 0, 0)), key < 3 || key >= 995) << key;
    c.v.set(0, key, 0, value);
  }
}

Index best_key(const oracle::Row& row) {
  return row.keys[std::max_element(row.scores.begin(), row.scores.end()) - row.scores.begin()];
}

/// A NaN planted in the value row of each head's best key must show: the row was read, so the maximum was found.
TEST(Clustered, FindsSmoothMaxima) {
  for (std::uint64_t seed : {1, 2, 3, 4, 5}) {
    Case<float> c(
        {.shape = {.heads = 1, .kv_heads = 1, .keys = 4000, .head_dim = 64}, .data = Data::smooth, .seed = seed});
    c.v.set(0, best_key(oracle::attend(c.problem, 0, 0)), 0, NAN);
    test::compute(c.problem, crest::clustered);
    EXPECT_TRUE(std::isnan(c.problem.o(0, 0, 0)));
  }
}

TEST(TargetError, RowsBeyondItAreDoneExactly) {
  Case<float> c({.shape = {.heads = 4, .kv_heads = 2, .queries = 2, .keys = 1000}});
  const Report plain = test::run(c.problem, crest::clustered);
  ASSERT_GT(plain.worst_error, 0.2f);
  const Report report = test::run(c.problem, crest::clustered.with({.target_error = 0.01f}));
  test::expect_close(c.problem);
  EXPECT_EQ(report.fallbacks, report.rows);
  EXPECT_EQ(report.keys_used, report.keys_visible);
  EXPECT_EQ(report.keys_scored, plain.keys_scored + report.keys_visible) << "keys looked at are scored once more";
  EXPECT_EQ(report.worst_error, 0);
  EXPECT_EQ(report.missed_mass, 0);
  EXPECT_GT(report.bytes_read, report.bytes_dense);
}

TEST(TargetError, RowsWithinItStayCheap) {
  const Case<float> c({.shape = {.keys = 1000}});
  const Report plain = test::run(c.problem, crest::clustered);
  const Report report = test::run(c.problem, crest::clustered.with({.target_error = plain.worst_error}));
  EXPECT_EQ(report.fallbacks, 0);
  EXPECT_EQ(report.keys_used, plain.keys_used);
  EXPECT_EQ(report.bytes_read, plain.bytes_read);
}

/// One group can vouch for itself, the other cannot: only that one is done exactly.
TEST(TargetError, IsDecidedGroupByGroup) {
  Case<float> c({.shape = {.heads = 4, .kv_heads = 2, .keys = 1000}});
  for (Index j = 0; j < 1000; ++j) c.k.fill_row(1, j, [&](Index) { return j == 0 ? 4.0f : 0.0f; });
  for (Index h : {2, 3}) c.q.fill_row(h, 0, [](Index) { return 1.0f; });
  const Report report = test::run(c.problem, crest::clustered.with({.target_error = 0.01f}));
  EXPECT_EQ(report.fallbacks, 2);
  for (Index h : {0, 1}) {
    EXPECT_EQ(c.problem.error(h, 0), 0);
    EXPECT_LE(test::relative_l2(c.problem, h, 0, oracle::attend(c.problem, h, 0)), test::exact_tolerance);
  }
  for (Index h : {2, 3}) {
    EXPECT_GT(c.problem.error(h, 0), 0);
    EXPECT_LE(c.problem.error(h, 0), 0.01f);
  }
}

}  // namespace
