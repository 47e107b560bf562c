// sparse: prompts computed against drawn keys: right within what it tells, unbiased, within its budget, exact where it
// cannot vouch for itself.
#include <gtest/gtest.h>

#include "crest/cascade.hpp"
#include "crest/executors.hpp"
#include "support/prompt.hpp"
#include "support/sketched.hpp"

namespace {

using crest::f16;
using crest::Index;
using crest::Report;
using crest::sparse;
using test::Case;
using test::Spec;

constexpr float infinity = std::numeric_limits<float>::infinity();

Case<f16> prompt(Spec spec, float own = 0.4f) {
  spec.common = 1;
  Case<f16> c(spec);
  test::make_neighbours(c.q, spec.seed, own);
  return c;
}

constexpr Spec typical{
    .shape = {.heads = 6, .kv_heads = 2, .queries = 100, .keys = 2000, .head_dim = 64, .value_dim = 48},
    .mask = {.causal = true}};

double mean_error(const crest::Problem<f16>& p, const std::vector<oracle::Row>& wanted) {
  double sum = 0;
  for (Index h = 0; h < p.heads(); ++h)
    for (Index i = 0; i < p.queries(); ++i) sum += test::head_error(p, h, i, wanted[h * p.queries() + i].o);
  return sum / static_cast<double>(p.heads() * p.queries());
}

TEST(Sparse, TellsHowFarOffItIs) {
  const test::Shape shapes[] = {
      typical.shape,
      {.heads = 1, .kv_heads = 1, .queries = 61, .keys = 1500, .head_dim = 33, .value_dim = 17},
      {.heads = 5, .kv_heads = 1, .queries = 60, .keys = 1300, .head_dim = 80, .value_dim = 96},
      {.heads = 8, .kv_heads = 2, .queries = 40, .keys = 1100, .head_dim = 128, .value_dim = 128}};
  for (const test::Shape& shape : shapes) {
    SCOPED_TRACE(shape.head_dim);
    Spec spec = typical;
    spec.shape = shape;
    Case<f16> c = prompt(spec);
    const auto wanted = oracle::solve(c.problem);
    test::for_each_backend([&](crest::Backend backend) {
      c.reset();
      const Report report = test::run(c.problem, sparse.with({.budget = 0.4f}), backend);
      test::expect_told(c.problem, wanted);
      EXPECT_EQ(report.fallbacks, 0);
      EXPECT_GT(report.worst_error, 0);
      EXPECT_LT(report.keys_used, report.keys_visible / 2);
    });
  }
}

/// Windows, sinks, capped and sloped logits: estimates know them too.
TEST(Sparse, TellsWithMasksAndChangedLogits) {
  const std::array<float, 6> slopes{0.01f, 0.02f, 0, 0.005f, 0.01f, 0.002f}, sinks{2, 3, 1, 0, 5, 2};
  for (int run = 0; run < 4; ++run) {
    SCOPED_TRACE(run);
    Spec spec = typical;
    spec.mask = run == 0 ? test::Mask{.causal = true, .window = 1200, .sinks = 20} : test::Mask{.causal = run != 3};
    Case<f16> c = prompt(spec);
    if (run == 1) c.problem.logits.softcap = 5;
    if (run == 2) c.problem.logits.slopes = slopes, c.problem.logits.sinks = sinks;
    const auto wanted = oracle::solve(c.problem);
    test::for_each_backend([&](crest::Backend backend) {
      c.reset();
      const Report report = test::run(c.problem, sparse.with({.budget = 0.4f}), backend);
      test::expect_told(c.problem, wanted);
      EXPECT_LT(report.keys_used, report.keys_visible);
    });
  }
}

TEST(Sparse, RangesOfEachQuery) {
  Case<f16> c = prompt(typical);
  std::vector<std::vector<crest::KeyRange>> lists(100);
  for (Index i = 0; i < 100; ++i) lists[i] = {{i % 3, 400}, {500 + i, 1900 + i}};
  c.see(lists);
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend([&](crest::Backend backend) {
    c.reset();
    test::compute(c.problem, sparse.with({.budget = 0.4f}), backend);
    test::expect_told(c.problem, wanted);
  });
}

/// The mean over many draws approaches the exact answer as a mean of independent errors does.
TEST(Sparse, IsUnbiased) {
  constexpr int draws = 64;
  const Spec spec{.shape = {.heads = 2, .kv_heads = 1, .queries = 40, .keys = 1500, .head_dim = 32, .value_dim = 16}};
  Case<f16> c = prompt(spec);
  const auto wanted = oracle::solve(c.problem);
  std::vector<double> sum(2 * 40 * 16, 0.0);
  double single = 0;
  for (int seed = 0; seed < draws; ++seed) {
    c.reset();
    test::compute(c.problem, sparse.with({.budget = 0.1f, .seed = static_cast<std::uint64_t>(seed)}));
    single += mean_error(c.problem, wanted) / draws;
    for (Index r = 0; r < 80; ++r)
      for (Index x = 0; x < 16; ++x) sum[r * 16 + x] += c.problem.o(r / 40, r % 40, x) / draws;
  }
  for (Index r = 0; r < 80; ++r)
    for (Index x = 0; x < 16; ++x) c.o.set(r / 40, r % 40, x, static_cast<float>(sum[r * 16 + x]));
  EXPECT_LT(mean_error(c.problem, wanted), 0.3 * single) << "of " << single << " for one draw";
  EXPECT_LT(single, 0.3);
}

TEST(Sparse, KeepsToItsBudget) {
  Case<f16> c = prompt(typical);
  double before = infinity;
  for (float budget : {0.15f, 0.3f, 0.6f}) {
    const Report report = test::run(c.problem, sparse.with({.budget = budget}));
    const double share = static_cast<double>(report.keys_used) / static_cast<double>(report.keys_visible);
    EXPECT_NEAR(share, budget, 0.03);
    EXPECT_EQ(report.rows, 600);
    EXPECT_EQ(report.keys_sampled, 3 * 6 * (1960 + 2000));
    const double error = mean_error(c.problem, oracle::solve(c.problem));
    EXPECT_LT(error, before);
    before = error;
  }
}

/// One tile: 4 first keys, 64 before it and 59 within are certain, 16 more are drawn, one more or less. Query i does
/// not see the last 59 - i keys.
TEST(Sparse, CountsTheKeysThatEachRowSees) {
  Spec spec = typical;
  spec.shape.queries = 60;
  Case<f16> c = prompt(spec);
  const Report report = test::run(c.problem, sparse.with({.budget = 0.01f}));
  const Index drawn = 60 * (4 + 64 + 59 + 16), hidden = 59 * 60 / 2;
  EXPECT_EQ(report.fallbacks, 0);
  EXPECT_NEAR(static_cast<double>(report.keys_used), 6 * (drawn - hidden), 6 * 60);
  EXPECT_EQ(report.keys_scored, report.keys_used);
}

TEST(Sparse, WithAllKeysItIsExact) {
  Case<f16> c = prompt(typical);
  const Report report = test::run(c.problem, sparse.with({.budget = 1}));
  test::expect_close(c.problem);
  EXPECT_EQ(report.fallbacks, report.rows);
  EXPECT_EQ(report.keys_used, report.keys_visible);
  EXPECT_EQ(report.worst_error, 0);
}

TEST(Sparse, LeavesFewQueriesAndShortCachesToExact) {
  for (const auto& [queries, keys] : {std::pair<Index, Index>{1, 3000}, {31, 3000}, {300, 700}}) {
    Spec spec = typical;
    spec.shape.queries = queries, spec.shape.keys = keys;
    Case<f16> c = prompt(spec), plain = prompt(spec);
    const Report report = test::run(c.problem, sparse), wanted = test::run(plain.problem);
    EXPECT_EQ(c.o.bytes(), plain.o.bytes());
    EXPECT_EQ(report.fallbacks, report.rows);
    EXPECT_EQ(report.bytes_read, wanted.bytes_read);
  }
}

/// No row is told to be further off than asked, and rows that would be are exact.
TEST(Sparse, MeetsATarget) {
  Case<f16> c = prompt(typical, 1);
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend([&](crest::Backend backend) {
    c.reset();
    const Report report = test::run(c.problem, sparse.with({.target_error = 0.1f}), backend);
    EXPECT_LE(report.worst_error, 0.1f);
    EXPECT_GT(report.worst_error, 0);
    EXPECT_GT(report.fallbacks, 0);
    EXPECT_LT(report.fallbacks, report.rows);
    test::expect_told(c.problem, wanted);
  });
}

/// A key that one query alone looks for, and whose chance is nothing: those that scored all keys tell.
TEST(Sparse, TellsWhatItCannotSee) {
  Case<f16> c =
      prompt({.shape = {.heads = 1, .kv_heads = 1, .queries = 60, .keys = 1500, .head_dim = 32, .value_dim = 32}});
  for (Index i = 0; i < 60; ++i) c.q.set(0, i, 31, i % 15 == 0 ? 40.0f : -3.0f);
  c.k.fill([&](Index h, Index j, Index x) { return x == 31 ? (j == 700 ? 6.0f : 0.0f) : c.k.get(h, j, x); });
  const Report report = test::run(c.problem, sparse.with({.budget = 0.2f}));
  EXPECT_GT(report.worst_error, 1) << "queries 15 and 45 score all keys";
}

/// Two texts in one call, told apart by a bias: 10 queries see the first 1000 keys only, the 30 that look at all keys
/// and give the tile its mean see the others.
TEST(Sparse, KeysHiddenFromSomeQueriesHaveAChance) {
  Case<f16> c =
      prompt({.shape = {.heads = 2, .kv_heads = 1, .queries = 40, .keys = 2000, .head_dim = 32, .value_dim = 32}});
  std::vector<float> bias(40 * 2000);
  for (Index i = 0; i < 40; ++i)
    for (Index j = 0; j < 2000; ++j) bias[i * 2000 + j] = (i < 10) == (j < 1000) ? 0 : -infinity;
  c.problem.logits.bias = {bias.data(), {2, 40, 2000}, {0, 2000, 1}};
  const auto wanted = oracle::solve(c.problem);
  test::for_each_backend([&](crest::Backend backend) {
    c.reset();
    EXPECT_EQ(test::run(c.problem, sparse.with({.budget = 0.4f}), backend).fallbacks, 0);
    test::expect_told(c.problem, wanted);
  });
}

/// Two sequences of 20 queries, too few to draw keys of their own, draw from their common prefix together.
TEST(Sparse, DrawsFromThePrefixOfACascade) {
  Case<f16> c =
      prompt({.shape = {.heads = 2, .kv_heads = 1, .queries = 40, .keys = 1600, .head_dim = 32, .value_dim = 32}});
  const auto part = [](auto view, Index rows, Index first, Index count) {
    return decltype(view)(view.data_handle() + first * view.stride(1), {rows, count, 32},
                          {view.stride(0), view.stride(1), view.stride(2)});
  };
  std::vector<float> o(2 * 40 * 32), lse(2 * 40), error(2 * 40);
  crest::Problem<f16> prefix = c.problem;
  prefix.k = part(prefix.k, 1, 0, 1500), prefix.v = part(prefix.v, 1, 0, 1500);
  prefix.o = {o.data(), {2, 40, 32}}, prefix.lse = {lse.data(), {2, 40}}, prefix.error = {error.data(), {2, 40}};
  std::vector<crest::Problem<f16>> rest(2, c.problem);
  for (Index i = 0; i < 2; ++i) {
    rest[i].q = part(c.problem.q, 2, 20 * i, 20), rest[i].o = part(c.problem.o, 2, 20 * i, 20), rest[i].error = {};
    rest[i].k = part(c.problem.k, 1, 1500, 100), rest[i].v = part(c.problem.v, 1, 1500, 100);
    rest[i].lse = {c.problem.lse.address(0, 20 * i), {2, 20}, {c.problem.lse.stride(0), c.problem.lse.stride(1)}};
  }
  const Report report =
      crest::cascade(prefix, std::span<const crest::Problem<f16>>(rest), sparse.with({.budget = 0.4f}));
  ASSERT_TRUE(report.ok()) << crest::to_string(report.status);
  EXPECT_EQ(report.fallbacks, 2 * 40) << "of the sequences' own keys";
  EXPECT_LT(report.keys_used, 2 * 40 * (700 + 100));
  const auto wanted = oracle::solve(c.problem);
  for (Index r = 0; r < 2 * 40; ++r) {
    EXPECT_GT(error[r], 0);
    EXPECT_LE(test::head_error(c.problem, r / 40, r % 40, wanted[r].o), 4 * error[r] + test::exact_tolerance) << r;
  }
}

TEST(Sparse, NonFiniteKeysAndQueriesAreLeftToExact) {
  for (float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    Case<f16> c = prompt(typical), plain = prompt(typical);
    for (Case<f16>* p : {&c, &plain}) p->k.set(1, 900, 5, bad), p->q.set(0, 70, 3, bad);
    const Report report = test::run(c.problem, sparse);
    test::compute(plain.problem);
    EXPECT_GE(report.fallbacks, 3 * 100 + 40);
    for (Index h = 3; h < 6; ++h)
      for (Index i = 0; i < 100; ++i)
        for (Index x = 0; x < 48; ++x)
          EXPECT_EQ(std::isnan(c.problem.o(h, i, x)), std::isnan(plain.problem.o(h, i, x)));
  }
}

TEST(Sparse, ThreadsChangeNoBit) {
  Case<f16> c = prompt(typical), again = prompt(typical);
  crest::Pool pool(3);
  const crest::Sparse recipe = sparse.with({.budget = 0.2f, .target_error = 0.2f, .seed = 3});
  const Report a = test::run(c.problem, recipe), b = crest::attention(again.problem, recipe, pool);
  EXPECT_EQ(c.o.bytes(), again.o.bytes());
  EXPECT_EQ(c.error.bytes(), again.error.bytes());
  EXPECT_EQ(a.bytes_read, b.bytes_read);
  EXPECT_EQ(a.keys_used, b.keys_used);
}

TEST(Sparse, SeedsDrawOtherKeys) {
  Case<f16> c = prompt(typical), other = prompt(typical);
  test::compute(c.problem, sparse.with({.seed = 1}));
  test::compute(other.problem, sparse.with({.seed = 2}));
  EXPECT_NE(c.o.bytes(), other.o.bytes());
}

TEST(Sparse, RefusesOptionsOutOfRange) {
  Case<f16> c = prompt(typical);
  const auto status = [&](crest::SparseOptions options) {
    return crest::attention(c.problem, sparse.with(options)).status;
  };
  EXPECT_EQ(status({.budget = 0}), crest::Status::recipe_budget);
  EXPECT_EQ(status({.budget = NAN}), crest::Status::recipe_budget);
  EXPECT_EQ(status({.target_error = -1}), crest::Status::recipe_target_error);
  EXPECT_EQ(status({.keep_first = -1}), crest::Status::recipe_keep);
  EXPECT_TRUE(c.untouched());
}

}  // namespace
