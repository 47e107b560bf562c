// What models do to their logits: softcap, slopes, bias and sink logits, alone and together, against the oracle.
#include <gtest/gtest.h>

#include "support/sketched.hpp"

namespace {

using crest::Index;
using crest::LogitOptions;
using crest::Recipe;
using crest::Status;
using test::Case;
using test::for_each_backend;

using Element = float;

constexpr float infinity = std::numeric_limits<float>::infinity();

/// Draws values, and is certain of all of them.
constexpr Recipe drawing{crest::EveryKey{}, crest::Stay{}, crest::Margin{}, crest::MassStride{.share = 1}};

/// Owns the lists that LogitOptions borrow.
struct Lists {
  std::vector<float> slopes, factors, sinks;
  test::Tensor<float> bias;
  test::Tensor<crest::f16> half;
  test::Tensor<crest::bf16> brain;
};

/// Options number `run`: each kind on and off, in all types.
LogitOptions make_options(const test::Shape& s, Index run, Lists& lists) {
  test::Random random(static_cast<std::uint64_t>(run) + 77);
  LogitOptions o{.softcap = std::array{0.0f, 2.0f, 50.0f, 3000.0f}[run % 4]};
  const auto list = [&](float spread) {
    std::vector<float> values(static_cast<std::size_t>(s.heads));
    for (float& x : values) x = spread * random.normal();
    return values;
  };
  if (run / 4 % 2) o.slopes = lists.slopes = list(0.01f);
  if (run / 8 % 2) o.sinks = lists.sinks = list(3);
  const auto fill = [&](auto& tensor) {
    tensor = std::remove_reference_t<decltype(tensor)>({s.heads, s.queries, s.keys}, {3, 1, 2});
    tensor.fill([&](Index, Index, Index) { return random.below(9) == 0 ? -infinity : random.normal(); });
    o.bias = tensor.view();
  };
  if (run / 16 % 4 == 1) fill(lists.bias);
  if (run / 16 % 4 == 2) fill(lists.half);
  if (run / 16 % 4 == 3) fill(lists.brain);
  if (run / 16 % 4 > 1) o.bias_factors = lists.factors = list(1);
  for (float& x : lists.factors) x = std::abs(x);
  return o;
}

test::Spec spec_of(Index run) {
  return {.shape = {.heads = std::array<Index, 4>{7, 8, 5, 2}[run % 4],
                    .kv_heads = std::array<Index, 4>{1, 2, 5, 1}[run % 4],
                    .queries = run % 7 == 3 ? 50 : run % 3 + 1,
                    .keys = std::array<Index, 5>{40, 7, 133, 2500, 1}[run % 5],
                    .head_dim = 24,
                    .value_dim = 20},
          .mask = run % 2 ? test::Mask{.causal = true} : test::Mask{.window = 100, .sinks = 3},
          .seed = static_cast<std::uint64_t>(run) + 1,
          .spread = 3};
}

template <class R>
void expect_all_options(const R& recipe) {
  for (Index run = 0; run < 64; ++run) {
    SCOPED_TRACE("options " + std::to_string(run));
    Case<Element> c(spec_of(run));
    Lists lists;
    c.problem.logits = make_options(spec_of(run).shape, run, lists);
    const auto wanted = oracle::solve(c.problem);
    for_each_backend([&](crest::Backend backend) {
      c.reset();
      test::compute(c.problem, recipe, backend);
      test::expect_close(c.problem, wanted);
    });
  }
}

TEST(Logits, ExactMatchesTheOracle) { expect_all_options(crest::exact); }
TEST(Logits, OnlineSoftmaxMatchesTheOracle) { expect_all_options(test::online); }
TEST(Logits, LookingMatchesTheOracle) { expect_all_options(test::looking); }

TEST(Logits, ASoftcapHoldsForScoresOfAnySize) {
  for (float spread : {1e-6f, 1e-3f, 1.0f, 1e3f, 1e6f}) {
    Case<Element> c({.shape = {.heads = 2, .kv_heads = 1, .keys = 50, .head_dim = 16}, .spread = spread});
    c.problem.logits.softcap = 30;
    const auto wanted = oracle::solve(c.problem);
    for_each_backend([&](crest::Backend backend) {
      test::compute(c.problem, crest::exact, backend);
      test::expect_close(c.problem, wanted);
    });
  }
}

TEST(Logits, ABiasMayRepeatItsRows) {
  Case<Element> c({.shape = {.heads = 6, .kv_heads = 2, .queries = 3, .keys = 90}});
  std::vector<float> row(90);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i % 7);
  c.problem.logits.bias = {row.data(), {6, 3, 90}, {0, 0, 1}};
  test::compute(c.problem);
  test::expect_close(c.problem);
}

/// Blocks whose last key, repeated behind a hole, is as far from the first as in a block without holes.
TEST(Logits, ABiasReachesKeysBehindHoles) {
  for (Index heads : {1, 4})
    for (Index width : {3, 7})
      for (Index end = 1; end < 40; ++end) {
        Case<Element> c({.shape = {.heads = heads, .kv_heads = 1, .keys = 40, .head_dim = 16}});
        std::vector<float> row(40);
        for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i % 5);
        c.problem.logits.bias = {row.data(), {heads, 1, 40}, {0, 0, 1}};
        std::vector<crest::KeyRange> ranges;
        for (Index j = 0; j < end; j += 2 * width) ranges.push_back({j, std::min(j + width, end)});
        const std::array<Index, 2> range_of{0, static_cast<Index>(ranges.size())};
        c.problem.ranges = ranges, c.problem.range_of = range_of;
        const auto wanted = oracle::solve(c.problem);
        for_each_backend([&](crest::Backend backend) {
          c.reset();
          test::compute(c.problem, crest::exact, backend);
          test::expect_close(c.problem, wanted);
        });
      }
}

TEST(Logits, HiddenRowsAreEmpty) {
  Case<Element> c({.shape = {.heads = 2, .kv_heads = 1, .queries = 2, .keys = 3000}});
  std::vector<float> hidden(6000, -infinity);
  std::fill_n(hidden.begin() + 3000, 3000, 0.0f);
  c.problem.logits.bias = {hidden.data(), {2, 2, 3000}, {0, 3000, 1}};
  for (float sink : {-infinity, 1.5f}) {
    const std::vector<float> sinks(2, sink);
    c.problem.logits.sinks = sinks;
    const auto wanted = oracle::solve(c.problem);
    for_each_backend([&](crest::Backend backend) {
      c.reset();
      test::compute(c.problem, crest::exact, backend);
      test::expect_close(c.problem, wanted);
      EXPECT_EQ(c.problem.o(1, 0, 3), 0);
      EXPECT_EQ(c.problem.lse(1, 0), sink);
    });
  }
}

TEST(SinkLogits, OfAnySizeJoinTheDenominatorOnce) {
  for (float sink : {-300.0f, -20.0f, 0.0f, 20.0f, 70.0f}) {
    Case<Element> c({.shape = {.heads = 4, .kv_heads = 2, .queries = 2, .keys = 6000}});
    const std::vector<float> sinks(4, sink);
    c.problem.logits.sinks = sinks;
    const auto wanted = oracle::solve(c.problem);
    for_each_backend([&](crest::Backend backend) {
      const auto expect = [&](const auto& recipe) {
        c.reset();
        test::compute(c.problem, recipe, backend);
        test::expect_close(c.problem, wanted);
      };
      expect(crest::exact), expect(test::online), expect(test::looking), expect(drawing);
    });
  }
}

TEST(SinkLogits, MakeEmptyRowsZero) {
  Case<Element> c({.shape = {.heads = 4, .kv_heads = 2, .queries = 1, .keys = 0}});
  const std::vector<float> sinks{1, 2, 3, 4};
  c.problem.logits.sinks = sinks;
  test::compute(c.problem);
  test::expect_close(c.problem);
  EXPECT_EQ(c.problem.lse(2, 0), 3);
}

TEST(SinkLogits, AreKeysOfValueZeroToEqualWeightsToo) {
  Case<Element> c({.shape = {.heads = 2, .kv_heads = 1, .keys = 200}});
  const std::vector<float> sinks{-1000, 1000};
  c.problem.logits.sinks = sinks;
  test::compute(c.problem, crest::hardmax);
  EXPECT_EQ(c.problem.lse(0, 0), 0);
  EXPECT_NE(c.problem.o(0, 0, 0), 0);
  EXPECT_EQ(c.problem.lse(1, 0), 0);
  EXPECT_EQ(c.problem.o(1, 0, 0), 0);
  test::compute(c.problem, crest::localmax(1e6f));
  EXPECT_NEAR(c.problem.lse(1, 0), std::log(201.0f), 1e-5);
}

TEST(SinkLogits, CountInWhatClusteredLeavesOut) {
  Case<Element> c({.shape = {.heads = 1, .kv_heads = 1, .keys = 4000}});
  const float without = test::run(c.problem, crest::clustered).missed_mass;
  const std::vector<float> sinks{30};
  c.problem.logits.sinks = sinks;
  EXPECT_GT(without, 0.1f);
  EXPECT_LT(test::run(c.problem, crest::clustered).missed_mass, 1e-3f);
}

TEST(Guided, KnowsItsErrorWithEachOption) {
  const crest::Guided recipe = crest::guided.with({.budget = 0.3f});
  const std::vector<float> slopes{0.001f, 0.002f, 0.003f, 0.004f, 0.005f, 0.0f}, sinks{0, 2, 4, 8, 1, -infinity};
  for (bool rows : {false, true}) {
    SCOPED_TRACE(rows);
    test::expect_guided<Element>({.softcap = 4}, rows, recipe);
    test::expect_guided<Element>({.slopes = slopes}, rows, recipe);
    test::expect_guided<Element>({.sinks = sinks}, rows, recipe);
  }
}

TEST(Guided, ASinkScalesTheOutputAndNotTheRelativeError) {
  test::Sketched<Element> s(test::typical);
  const crest::Guided recipe = crest::guided.with({.budget = 0.3f});
  const float without = test::run(s.problem, recipe).worst_error;
  std::vector<float> sinks;
  for (Index h = 0; h < 6; ++h) sinks.push_back(s.problem.lse(h, 0));
  s.problem.logits.sinks = sinks;
  EXPECT_EQ(test::run(s.problem, recipe).fallbacks, 0);
  for (Index h = 0; h < 6; ++h) EXPECT_GT(s.problem.error(h, 0), 0.1f * without);
  test::expect_told(s.problem, oracle::solve(s.problem));
}

TEST(Guided, RefusesABias) {
  test::Sketched<Element> s(test::typical);
  std::vector<float> bias(2600);
  s.problem.logits.bias = {bias.data(), {6, 1, 2600}, {0, 0, 1}};
  EXPECT_EQ(crest::attention(s.problem, crest::guided).status, Status::bias_guided);
}

TEST(Rows, QueriesAndOutputsOfSixteenBits) {
  Case<Element> c({.shape = {.heads = 6, .kv_heads = 2, .queries = 2, .keys = 70, .head_dim = 33, .value_dim = 21}});
  const auto expect = [&]<class Half>(Half, double rounding) {
    test::Tensor<Half> q({6, 2, 33}, {1, 2, 1}), o({6, 2, 21}, {3, 1, 1});
    q.fill([&](Index i, Index j, Index x) { return c.q.get(i, j, x); });
    auto p = c.problem;
    p.q = q.view(), p.o = o.view();
    const auto wanted = oracle::solve(p);
    for_each_backend([&](crest::Backend backend) {
      o.reset();
      test::compute(p, crest::exact, backend);
      test::expect_close(p, wanted, rounding);
      EXPECT_TRUE(o.gaps_untouched());
    });
  };
  expect(crest::f16{}, 4e-4);
  expect(crest::bf16{}, 3e-3);
}

}  // namespace
