// What must hold whatever the numbers are.
#include <gtest/gtest.h>

#include <numeric>

#include "crest/core/softmax_state.hpp"
#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"

namespace {

using crest::Index;
using crest::KeyRange;
using crest::Mask;
using crest::SoftmaxState;
using test::Case;
using test::Data;
using test::Spec;

constexpr Spec decode{.shape = {.heads = 6, .kv_heads = 2, .keys = 2500, .head_dim = 48, .value_dim = 40}};

/// Largest relative distance between the rows of two outputs of the same shape.
template <class T>
double difference(const crest::Problem<T>& a, const crest::Problem<T>& b) {
  double worst = 0;
  for (Index h = 0; h < a.heads(); ++h)
    for (Index i = 0; i < a.queries(); ++i) {
      oracle::Row wanted;
      for (Index x = 0; x < a.value_dim(); ++x) wanted.o.push_back(b.o(h, i, x));
      worst = test::worse(worst, test::relative_l2(a, h, i, wanted));
    }
  return worst;
}

template <class T>
bool same_bits(const Case<T>& a, const Case<T>& b) {
  return a.o.bytes() == b.o.bytes() && a.lse.bytes() == b.lse.bytes();
}

TEST(Property, OrderOfKeysDoesNotMatter) {
  Case<float> c(decode), shuffled(decode);
  std::vector<Index> order(2500);
  std::iota(order.begin(), order.end(), 0);
  test::Random random(9);
  for (Index j = 2499; j > 0; --j) std::swap(order[j], order[random.below(j + 1)]);
  shuffled.k.fill([&](Index i, Index j, Index x) { return c.k.get(i, order[j], x); });
  shuffled.v.fill([&](Index i, Index j, Index x) { return c.v.get(i, order[j], x); });
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::exact, backend);
    test::compute(shuffled.problem, crest::exact, backend);
    EXPECT_LE(difference(shuffled.problem, c.problem), test::exact_tolerance);
  });
}

/// A column of ones in q and of `shift` in k adds `shift` to every score.
TEST(Property, AConstantInAllScoresMovesOnlyLse) {
  for (float shift : {-200.0f, -1.0f, 3.0f, 200.0f}) {
    Case<float> plain(decode), shifted(decode);
    for (Case<float>* c : {&plain, &shifted}) {
      const float column = c == &plain ? 0.0f : shift;
      c->problem.scale = 1;
      c->q.fill([&](Index i, Index j, Index x) { return x == 0 ? 1.0f : 0.2f * c->q.get(i, j, x); });
      c->k.fill([&](Index i, Index j, Index x) { return x == 0 ? column : c->k.get(i, j, x); });
      test::compute(c->problem);
    }
    const double tolerance = test::exact_tolerance + std::abs(shift) * 0x1p-21;
    EXPECT_LE(difference(shifted.problem, plain.problem), tolerance);
    for (Index h = 0; h < 6; ++h)
      EXPECT_NEAR(shifted.problem.lse(h, 0) - plain.problem.lse(h, 0), shift, 10 * tolerance);
  }
}

TEST(Property, ValuesOfOneGiveOne) {
  for (Data data : {Data::normal, Data::heavy, Data::smooth}) {
    Spec spec = decode;
    spec.data = data, spec.spread = 3;
    Case<float> c(spec);
    c.v.fill([](Index, Index, Index) { return 1.0f; });
    test::for_each_backend([&](crest::Backend backend) {
      test::compute(c.problem, crest::exact, backend);
      for (Index h = 0; h < 6; ++h)
        for (Index x = 0; x < 40; ++x) EXPECT_NEAR(c.problem.o(h, 0, x), 1, 1e-5);
    });
  }
}

TEST(Property, OutputIsLinearInTheValues) {
  Case<float> a(decode), b(decode), sum(decode);
  test::fill(b.v, Data::normal, 77);
  sum.v.fill([&](Index i, Index j, Index x) { return 2 * a.v.get(i, j, x) - b.v.get(i, j, x); });
  for (Case<float>* c : {&a, &b, &sum}) test::compute(c->problem);
  for (Index h = 0; h < 6; ++h)
    for (Index x = 0; x < 40; ++x) {
      const float expected = 2 * a.problem.o(h, 0, x) - b.problem.o(h, 0, x);
      EXPECT_NEAR(sum.problem.o(h, 0, x), expected, 1e-5);
    }
}

TEST(Property, HeadsOfAGroupDoNotMix) {
  Case<float> c(decode), alone(decode);
  test::compute(c.problem);
  for (Index h = 0; h < 6; ++h) {
    if (h != 4) alone.q.fill_row(h, 0, [](Index) { return -50.0f; });
  }
  test::compute(alone.problem);
  for (Index x = 0; x < 40; ++x) EXPECT_EQ(alone.problem.o(4, 0, x), c.problem.o(4, 0, x));
}

/// The ranges a mask stands for, key by key.
std::vector<std::vector<KeyRange>> ranges_of_mask(const crest::Problem<float>& p) {
  std::vector<std::vector<KeyRange>> lists(p.queries());
  for (Index i = 0; i < p.queries(); ++i)
    for (Index j = 0; j < p.keys(); ++j) {
      if (!oracle::sees(p, i, j)) continue;
      if (lists[i].empty() || lists[i].back().last != j) lists[i].push_back({j, j});
      ++lists[i].back().last;
    }
  return lists;
}

TEST(Property, RangesEqualToTheMaskGiveTheSameBits) {
  for (Mask mask : {Mask{.causal = true}, {.causal = true, .window = 40, .sinks = 3}, {.window = 900}})
    for (Index queries : {1, 4, 40}) {
      const Spec spec{.shape = {.queries = queries, .keys = 2100}, .mask = mask};
      Case<float> masked(spec), ranged(spec);
      ranged.see(ranges_of_mask(masked.problem));
      ranged.problem.mask = {};
      test::compute(masked.problem);
      test::compute(ranged.problem);
      EXPECT_TRUE(same_bits(masked, ranged));
    }
}

/// Problems of different shapes, masks and layouts.
std::vector<Case<float>> ragged() {
  std::vector<Case<float>> cases;
  std::uint64_t seed = 1;
  for (Index keys : {1, 0, 3000, 17, 1024, 5000})
    cases.emplace_back(Spec{.shape = {.heads = 1 + keys % 5, .kv_heads = 1, .queries = 1 + keys % 3, .keys = keys},
                            .mask = {.causal = keys % 2 == 0},
                            .seed = ++seed});
  return cases;
}

template <class R>
void expect_batch_equals_separate_calls(const R& recipe) {
  std::vector<Case<float>> together = ragged(), apart = ragged();
  std::vector<crest::Problem<float>> problems;
  for (const auto& c : together) problems.push_back(c.problem);
  const crest::Report batch = crest::attention(problems, recipe);
  ASSERT_TRUE(batch.ok());
  crest::Report sum;
  for (std::size_t i = 0; i < apart.size(); ++i) {
    const crest::Report one = test::run(apart[i].problem, recipe);
    EXPECT_TRUE(same_bits(together[i], apart[i])) << "problem " << i;
    sum.rows += one.rows, sum.keys_visible += one.keys_visible, sum.keys_scored += one.keys_scored;
    sum.keys_used += one.keys_used, sum.bytes_read += one.bytes_read, sum.bytes_dense += one.bytes_dense;
  }
  EXPECT_EQ(batch.rows, sum.rows);
  EXPECT_EQ(batch.keys_visible, sum.keys_visible);
  EXPECT_EQ(batch.keys_scored, sum.keys_scored);
  EXPECT_EQ(batch.keys_used, sum.keys_used);
  EXPECT_EQ(batch.bytes_read, sum.bytes_read);
  EXPECT_EQ(batch.bytes_dense, sum.bytes_dense);
}

TEST(Property, ARaggedBatchEqualsSeparateCalls) {
  expect_batch_equals_separate_calls(crest::exact);
  expect_batch_equals_separate_calls(crest::clustered);
}

TEST(Property, AnEmptyBatchDoesNothing) {
  const crest::Report report = crest::attention(std::vector<crest::Problem<float>>{});
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.rows, 0);
}

/// A caller's own split of the keys, merged by log-sum-exp, equals the whole.
TEST(Property, SplitKvByHandEqualsTheWhole) {
  Case<float> c(decode);
  const std::vector<oracle::Row> wanted = oracle::solve(c.problem);
  std::vector<double> merged(6 * 40);
  std::vector<SoftmaxState> whole(6);
  std::vector<Case<float>> parts;
  for (KeyRange part : {KeyRange{0, 1}, {1, 900}, {900, 900}, {900, 2500}}) {
    auto& p = parts.emplace_back(decode).problem;
    const auto& k = c.problem.k;
    p.k = {k.data_handle() + part.first * 48, {2, length(part), 48}, {k.stride(0), 48, 1}};
    p.v = {c.problem.v.data_handle() + part.first * 40, {2, length(part), 40}, {c.problem.v.stride(0), 40, 1}};
    test::compute(p);
    for (Index h = 0; h < 6; ++h) whole[h] = merge(whole[h], SoftmaxState::of_lse(p.lse(h, 0)));
  }
  for (const auto& part : parts)
    for (Index h = 0; h < 6; ++h)
      for (Index x = 0; x < 40; ++x)
        merged[h * 40 + x] += share(SoftmaxState::of_lse(part.problem.lse(h, 0)), whole[h]) * part.problem.o(h, 0, x);
  for (Index h = 0; h < 6; ++h) {
    EXPECT_NEAR(whole[h].lse(), wanted[h].lse, 1e-5);
    for (Index x = 0; x < 40; ++x) EXPECT_NEAR(merged[h * 40 + x], wanted[h].o[x], 1e-6);
  }
}

TEST(Property, ContiguousRangesOfAnyKindAreBatches) {
  std::vector<Case<float>> cases = ragged();
  const std::array<crest::Problem<float>, 2> problems{cases[2].problem, cases[3].problem};
  EXPECT_EQ(crest::attention(problems).rows, crest::attention(std::span(problems)).rows);
}

TEST(Property, OptionalOutputsMayBeAbsent) {
  Case<float> c(decode), bare(decode);
  bare.problem.lse = {}, bare.problem.error = {};
  for (bool cheap : {false, true}) {
    c.reset(), bare.reset();
    if (cheap) {
      test::compute(c.problem, crest::clustered), test::compute(bare.problem, crest::clustered);
    } else {
      test::compute(c.problem), test::compute(bare.problem);
    }
    EXPECT_EQ(c.o.bytes(), bare.o.bytes());
    EXPECT_TRUE(bare.lse.untouched() && bare.error.untouched());
    EXPECT_FALSE(c.lse.untouched() || c.error.untouched());
  }
}

}  // namespace
