// Values drawn in proportion to weight: which probabilities, that the mean over draws is the exact output, and whether
// the predicted error is the true one. Where row j of V is the j-th unit vector, the output shows each key's weight.
#include <gtest/gtest.h>

#include <numeric>

#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"

namespace {

using crest::Index;
using crest::MassStride;
using crest::Recipe;
using test::Case;

constexpr crest::RecipeOptions nothing_always{.keep_first = 0, .keep_last = 0};

constexpr auto drawn(const MassStride& draw, crest::RecipeOptions options = nothing_always) {
  return Recipe{crest::EveryKey{}, crest::Stay{}, crest::Margin{}, draw, options};
}

/// `heads` query heads that share one KV head; V is the unit matrix.
Case<float> unit_values(Index heads, Index keys, float spread) {
  Case<float> c({.shape = {.heads = heads, .kv_heads = 1, .keys = keys, .head_dim = 16, .value_dim = keys},
                 .seed = 5,
                 .spread = spread});
  c.v.fill([](Index, Index key, Index x) { return key == x ? 1.0f : 0.0f; });
  return c;
}

/// Each key's share of the softmax of each head, [head][key].
std::vector<std::vector<double>> shares(const Case<float>& c) {
  std::vector<std::vector<double>> all;
  for (Index h = 0; h < c.problem.heads(); ++h) all.push_back(oracle::attend(c.problem, h, 0).o);
  return all;
}

/// min(1, c * largest share), by bisection for c: their sum is `rows`, or as near as it gets.
std::vector<double> probabilities(const std::vector<std::vector<double>>& shares, double rows) {
  std::vector<double> most(shares[0].size());
  for (const auto& of_head : shares)
    for (std::size_t j = 0; j < most.size(); ++j) most[j] = std::max(most[j], of_head[j]);
  double low = 0, high = 1e12;
  const auto capped = [&](double c) {
    std::vector<double> p;
    for (double m : most) p.push_back(std::min(1.0, c * m));
    return p;
  };
  for (int step = 0; step < 200; ++step) {
    const double middle = (low + high) / 2;
    const std::vector<double> p = capped(middle);
    (std::accumulate(p.begin(), p.end(), 0.0) < rows ? low : high) = middle;
  }
  return capped(low);
}

TEST(MassStride, DrawsInProportionToTheLargestShareAndWeighsByItsInverse) {
  for (Index heads : {1, 2, 3, 5})
    for (float share : {0.1f, 0.5f}) {
      const Case<float> c = unit_values(heads, 200, 2);
      const auto of = shares(c);
      const std::vector<double> p = probabilities(of, share * 200);
      test::for_each_backend([&](crest::Backend backend) {
        const crest::Report report = test::run(c.problem, drawn({.share = share}), backend);
        EXPECT_EQ(report.keys_scored, 200 * heads);
        EXPECT_NEAR(report.keys_used / heads, share * 200, 1) << "a systematic walk keeps the number asked for";
        Index kept = 0;
        for (Index j = 0; j < 200; ++j) {
          kept += c.problem.o(0, 0, j) != 0;
          for (Index h = 0; h < heads; ++h) {
            const float o = c.problem.o(h, 0, j);
            EXPECT_EQ(o != 0, c.problem.o(0, 0, j) != 0) << "all heads use the same keys";
            if (o != 0 || p[j] == 1) {  // certain keys are always kept
              EXPECT_NEAR(o, of[h][j] / p[j], 2e-4 * of[h][j] / p[j]);
            }
          }
        }
        EXPECT_EQ(kept * heads, report.keys_used);
      });
    }
}

TEST(MassStride, DenominatorsAreExact) {
  const Case<float> c({.shape = {.heads = 6, .keys = 500}, .spread = 3});
  test::compute(c.problem, drawn({.share = 0.05f}));
  for (Index h = 0; h < 6; ++h)
    EXPECT_LE(test::lse_distance(c.problem.lse(h, 0), oracle::attend(c.problem, h, 0).lse), test::exact_tolerance);
}

TEST(MassStride, AShareOfOneIsExact) {
  const Case<float> c({.shape = {.heads = 6, .queries = 2, .keys = 500}});
  const crest::Report report = test::run(c.problem, drawn({.share = 1}));
  test::expect_close(c.problem);
  EXPECT_EQ(report.keys_used, report.keys_visible);
  EXPECT_LE(report.worst_error, 1e-5f);
}

/// The mean over many draws is the exact output, within five standard errors, in every element.
TEST(MassStride, IsUnbiased) {
  constexpr int draws = 3000;
  const Case<float> c({.shape = {.heads = 3, .kv_heads = 1, .keys = 150, .head_dim = 16, .value_dim = 8}, .spread = 2});
  std::vector<double> sum(24), square(24);
  for (int seed = 0; seed < draws; ++seed) {
    test::compute(c.problem, drawn({.share = 0.15f, .seed = static_cast<std::uint64_t>(seed)}));
    for (Index i = 0; i < 24; ++i) {
      const double o = c.problem.o(i / 8, 0, i % 8);
      sum[i] += o, square[i] += o * o;
    }
  }
  for (Index i = 0; i < 24; ++i) {
    const double mean = sum[i] / draws, variance = square[i] / draws - mean * mean;
    EXPECT_GT(variance, 1e-6) << "seeds differ";
    EXPECT_LE(std::abs(mean - oracle::attend(c.problem, i / 8, 0).o[i % 8]), 5 * std::sqrt(variance / draws));
  }
}

TEST(MassStride, TellsItsError) {
  constexpr int draws = 200;
  for (Index heads : {1, 3}) {
    const Case<float> c({.shape = {.heads = heads, .kv_heads = 1, .keys = 2000}, .spread = 2});
    double told = 0, found = 0;
    for (int seed = 0; seed < draws; ++seed) {
      test::compute(c.problem, drawn({.share = 0.1f, .seed = static_cast<std::uint64_t>(seed)}));
      const oracle::Row exact = oracle::attend(c.problem, 0, 0);
      double off = 0, length = 0;
      for (Index x = 0; x < c.problem.value_dim(); ++x) {
        off += std::pow(c.problem.o(0, 0, x) - exact.o[x], 2);
        length += std::pow(exact.o[x], 2);
      }
      told += std::pow(c.problem.error(0, 0), 2), found += off / length;
    }
    EXPECT_GT(told / found, 0.5) << heads;
    EXPECT_LT(told / found, 2) << heads;
  }
}

TEST(MassStride, SinksAndRecentKeysAreCertain) {
  const Case<float> c = unit_values(1, 200, 2);
  test::compute(c.problem, drawn({.share = 0.1f}, {.keep_first = 3, .keep_last = 5}));
  const std::vector<double> exact = oracle::attend(c.problem, 0, 0).o;
  for (Index j : {0, 2, 195, 199}) EXPECT_NEAR(c.problem.o(0, 0, j), exact[j], 1e-5 * exact[j]);
}

/// A NaN must not hide in a key that happens not to be drawn.
TEST(MassStride, NanShows) {
  Case<float> c({.shape = {.heads = 2, .kv_heads = 1, .keys = 300}});
  c.q.set(0, 0, 0, NAN);
  test::compute(c.problem, drawn({.share = 0.1f}));
  EXPECT_TRUE(std::isnan(c.problem.o(0, 0, 0)));
  EXPECT_FALSE(std::isnan(c.problem.o(1, 0, 0)));
  EXPECT_EQ(c.problem.error(0, 0), INFINITY);
}

TEST(MassStride, OfNothingIsEmpty) {
  const Case<float> c({.shape = {.keys = 0}});
  const crest::Report report = test::run(c.problem, drawn({}));
  EXPECT_EQ(report.worst_error, 0);
  EXPECT_EQ(c.problem.o(0, 0, 0), 0);
}

}  // namespace
