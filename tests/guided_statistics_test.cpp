// guided over many seeds: unbiased numerator and denominator, a ratio that is nearly so, and errors that are as large
// as they are told to be.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/sketched.hpp"

namespace {

using crest::Draw;
using crest::guided;
using crest::Index;
using test::Spec;
using Sketched = test::Sketched<float>;

constexpr std::uint64_t seeds = 2000;
constexpr Spec one_group{.shape = {.heads = 3, .kv_heads = 1, .keys = 2068, .head_dim = 32, .value_dim = 8},
                         .spread = 1.5f};

/// Mean and standard error of some quantities seen again and again.
class Moments {
 public:
  void add(const std::vector<double>& x) {
    sum_.resize(x.size()), square_.resize(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) sum_[i] += x[i], square_[i] += x[i] * x[i];
    ++count_;
  }
  std::size_t size() const { return sum_.size(); }
  double mean(std::size_t i) const { return sum_[i] / count_; }
  double standard_error(std::size_t i) const {
    return std::sqrt(std::max(0.0, square_[i] / count_ - mean(i) * mean(i)) / count_);
  }

 private:
  std::vector<double> sum_, square_;
  double count_ = 0;
};

/// Of each head the denominator e^lse, then the numerators o e^lse, in units of the exact denominator.
std::vector<double> parts(const crest::Problem<float>& p, const std::vector<oracle::Row>& wanted) {
  std::vector<double> x;
  for (Index h = 0; h < p.heads(); ++h) {
    const double denominator = std::exp(p.lse(h, 0) - wanted[h].lse);
    x.push_back(denominator);
    for (Index c = 0; c < p.value_dim(); ++c) x.push_back(p.o(h, 0, c) * denominator);
  }
  return x;
}
std::vector<double> exact_parts(const std::vector<oracle::Row>& wanted) {
  std::vector<double> x;
  for (const oracle::Row& row : wanted) {
    x.push_back(1);
    x.insert(x.end(), row.o.begin(), row.o.end());
  }
  return x;
}

/// Calls f() after each of many calls that differ in their seed alone; the probabilities are the same in all.
template <class F>
void for_each_seed(Sketched& s, crest::GuidedOptions options, F&& f) {
  for (options.seed = 0; options.seed < seeds; ++options.seed) {
    const crest::Report report = test::run(s.problem, guided.with(options));
    ASSERT_EQ(report.fallbacks, 0);
    ASSERT_LE(static_cast<double>(report.keys_used), 0.6 * static_cast<double>(report.keys_visible));
    f(report);
  }
}

/// Besides chance, each part may be off by `rounding`.
void expect_unbiased(Sketched& s, const crest::GuidedOptions& options, double rounding) {
  const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
  const std::vector<double> exact = exact_parts(wanted);
  Moments moments;
  for_each_seed(s, options, [&](const crest::Report&) { moments.add(parts(s.problem, wanted)); });
  ASSERT_EQ(moments.size(), exact.size());
  for (std::size_t i = 0; i < exact.size(); ++i) {
    EXPECT_LE(std::abs(moments.mean(i) - exact[i]), 5 * moments.standard_error(i) + rounding) << "part " << i;
    EXPECT_LE(moments.standard_error(i), 0.02) << "so few differences would show";
  }
}

TEST(Unbiased, NumeratorsAndDenominators) {
  Sketched s(one_group);
  expect_unbiased(s, {.budget = 0.25f}, 1e-5);
}

TEST(Unbiased, WithHardlyAnyBudget) {
  Sketched s(one_group);
  expect_unbiased(s, {.budget = 0.12f, .keep_last = 0}, 1e-5);
}

TEST(Unbiased, WithEqualProbabilities) {
  Sketched s(one_group);
  expect_unbiased(s, {.budget = 0.25f, .draw = Draw::uniform}, 1e-5);
}

/// Whatever proposes the probabilities.
TEST(Unbiased, WithTheProbeOfClustered) {
  Sketched s(one_group);
  expect_unbiased(s, {.budget = 0.25f, .draw = Draw::probe}, 1e-5);
}

/// Where 16 neighbours are alike the probe of `clustered` knows all scores, and draws as well as the sketch. Another
/// call before each leaves estimates of its own in the scratch memory.
TEST(Probe, KnowsNeighboursThatAreAlike) {
  Spec other_seed = test::typical;
  other_seed.seed = 77;
  Sketched s(test::typical), other(other_seed);
  s.c.k.fill([&](Index i, Index j, Index x) { return s.c.k.get(i, j / 16 * 16, x); });
  s.rebuild(false);
  const auto told = [&](Draw draw) {
    test::compute(other.problem, guided);
    return test::run(s.problem, guided.with({.budget = 0.2f, .draw = draw})).worst_error;
  };
  EXPECT_LE(told(Draw::probe), 1.2f * told(Draw::mass));
}

TEST(Unbiased, FromByteRowsUpToTheirRounding) {
  Sketched s(one_group, true);
  expect_unbiased(s, {.budget = 0.2f}, 2e-3);
}

/// Coarser sketches draw less cleverly, but no less fairly.
TEST(Unbiased, WithOneBit) {
  Sketched s(one_group, false, {.bits = 1});
  expect_unbiased(s, {.budget = 0.25f}, 1e-5);
}

/// Keys that the first draw and the second found weigh as if one had drawn them. Nearly: how many rows the second takes
/// hangs on what the first has found.
TEST(Unbiased, WhereASecondDrawAddsToTheFirst) {
  Sketched s(one_group);
  Index fewest = 1 << 20;
  for_each_seed(s, {.target_error = 0.03f},
                [&](const crest::Report& r) { fewest = std::min(fewest, r.keys_used / 3); });
  EXPECT_GE(fewest, 600) << "the first draw takes 512";
  expect_unbiased(s, {.target_error = 0.03f}, 1e-3);
}

TEST(Ratio, ItsBiasIsOfSecondOrder) {
  for (bool rows : {false, true}) {
    Sketched s(one_group, rows);
    const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
    Moments outputs, told;
    for_each_seed(s, {.budget = 0.2f}, [&](const crest::Report&) {
      std::vector<double> o, error;
      for (Index h = 0; h < 3; ++h) {
        for (Index c = 0; c < 8; ++c) o.push_back(s.problem.o(h, 0, c));
        error.push_back(s.problem.error(h, 0));
      }
      outputs.add(o), told.add(error);
    });
    for (std::size_t h = 0; h < 3; ++h) {
      double bias = 0, chance = 0, length = 0;
      for (std::size_t i = 8 * h, c = 0; c < 8; ++c, ++i) {
        bias += std::pow(outputs.mean(i) - wanted[h].o[c], 2);
        chance += std::pow(outputs.standard_error(i), 2);
        length += std::pow(wanted[h].o[c], 2);
      }
      const double predicted = told.mean(h);
      EXPECT_LE(std::sqrt(bias / length),
                3 * predicted * predicted + 4 * std::sqrt(chance / length) + (rows ? 1e-3 : 1e-6));
    }
  }
}

/// Systematic walks keep nearly the same number of keys each time.
TEST(Walks, KeepAlmostTheSameNumberOfKeys) {
  Sketched s(one_group);
  Index fewest = 1 << 20, most = 0;
  for_each_seed(s, {}, [&](const crest::Report& r) {
    fewest = std::min(fewest, r.keys_used / 3), most = std::max(most, r.keys_used / 3);
  });
  EXPECT_GT(most, fewest);
  EXPECT_LE(most - fewest, 16) << "one per walk";
}

/// A query draws the same keys alone and among others, and different ones at every position and KV head.
TEST(Walks, DependOnPositionAndHead) {
  Spec spec = one_group;
  spec.shape.heads = 2, spec.shape.kv_heads = 2, spec.shape.queries = 3;
  Sketched s(spec);
  s.c.q.fill([&](Index, Index, Index x) { return s.c.q.get(0, 0, x); });
  s.c.k.fill([&](Index, Index j, Index x) { return s.c.k.get(0, j, x); });
  s.c.v.fill([&](Index, Index j, Index x) { return s.c.v.get(0, j, x); });
  s.rebuild(false);
  test::compute(s.problem, guided);
  std::vector<float> first;
  for (Index h = 0; h < 2; ++h)
    for (Index i = 0; i < 3; ++i) first.push_back(s.problem.o(h, i, 0));
  std::sort(first.begin(), first.end());
  EXPECT_EQ(std::unique(first.begin(), first.end()), first.end());
  const float last = s.problem.o(1, 2, 0);
  s.problem.q = {s.c.q.data(), {2, 1, 32}, {96, 32, 1}}, s.problem.o = {s.c.o.data(), {2, 1, 8}},
  s.problem.lse = s.problem.error = {};
  test::compute(s.problem, guided);
  EXPECT_EQ(s.problem.o(1, 0, 0), last);
}

/// True over told error of all rows under many seeds, sorted.
std::vector<double> ratios(const Spec& spec, bool rows, crest::GuidedOptions options,
                           const crest::SketchOptions& sketch = {}) {
  std::vector<double> all;
  Spec varied = spec;
  for (varied.seed = 1; varied.seed <= 6; ++varied.seed) {
    Sketched s(varied, rows, sketch);
    const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
    for (options.seed = 0; options.seed < 10; ++options.seed) {
      test::compute(s.problem, guided.with(options));
      for (Index h = 0; h < s.problem.heads(); ++h)
        if (s.problem.error(h, 0) > 0)
          all.push_back(test::head_error(s.problem, h, 0, wanted[h].o) / s.problem.error(h, 0));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

void expect_calibrated(const std::vector<double>& ratios) {
  ASSERT_GE(ratios.size(), 200u) << "hardly any row was drawn";
  const auto at = [&](double share) {
    return ratios[static_cast<std::size_t>(share * static_cast<double>(ratios.size()))];
  };
  EXPECT_GE(at(0.5), 0.7);
  EXPECT_LE(at(0.5), 1.2);
  EXPECT_LE(at(0.99), 2.2);
  EXPECT_LE(ratios.back(), 4);
}

TEST(Told, ErrorsAreAsLargeAsTheyAre) {
  for (bool rows : {false, true})
    for (float spread : {0.3f, 1.0f, 2.0f, 3.0f}) {
      SCOPED_TRACE(std::string(rows ? "8-bit rows" : "rows") + ", spread " + std::to_string(spread));
      Spec spec = test::typical;
      spec.spread = spread;
      expect_calibrated(ratios(spec, rows, {.budget = 0.2f}));
    }
}

TEST(Told, ErrorsAreRightForOtherShapes) {
  for (const test::Shape& shape :
       {test::Shape{.heads = 4, .kv_heads = 1, .keys = 3000, .head_dim = 128, .value_dim = 16},
        {.heads = 5, .kv_heads = 1, .keys = 1800, .head_dim = 80, .value_dim = 80}})
    for (bool rows : {false, true}) expect_calibrated(ratios({.shape = shape, .spread = 2}, rows, {.budget = 0.2f}));
}

TEST(Told, ErrorsAreRightForOtherBits) {
  for (int bits : {1, 4})
    for (bool rows : {false, true}) expect_calibrated(ratios(test::typical, rows, {.budget = 0.25f}, {.bits = bits}));
}

/// Where nothing is drawn for want of weight: all that is left is the rounding.
TEST(Told, RoundingIsAsLargeAsItIs) {
  std::vector<double> all = ratios(test::typical, true, {.budget = 1});
  expect_calibrated(all);
}

/// Ten problems of six heads that differ in their seed.
void expect_target_kept(Spec spec, bool rows, float target) {
  Index drawn = 0, above = 0;
  for (spec.seed = 1; spec.seed <= 10; ++spec.seed) {
    Sketched s(spec, rows);
    const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
    const crest::GuidedOptions options{.target_error = target, .seed = spec.seed};
    EXPECT_LE(test::run(s.problem, guided.with(options)).worst_error, target);
    for (Index h = 0; h < 6; ++h) {
      const double error = test::head_error(s.problem, h, 0, wanted[h].o);
      drawn += s.problem.error(h, 0) > 0, above += error > target;
      EXPECT_LE(error, 3 * target);
    }
  }
  EXPECT_LE(above, drawn / 20);
  EXPECT_GE(drawn, target > 0.03f || rows ? 50 : 0);
}

TEST(Target, IsKeptByNearlyAllRows) {
  for (bool rows : {false, true})
    for (float target : {0.05f, 0.02f}) expect_target_kept(test::typical, rows, target);
}

/// Outputs far longer than queries, which stand in the same memory between draws.
TEST(Target, IsKeptForLongValues) {
  expect_target_kept(
      {.shape = {.heads = 6, .kv_heads = 2, .keys = 2600, .head_dim = 16, .value_dim = 300}, .spread = 2}, true, 0.02f);
}

}  // namespace
