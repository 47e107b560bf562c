// Calibrated bases: what a fit is worth, and bases that are wrong.
#include "crest/sketch/basis.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "examples/09_calibrate/fit.hpp"
#include "support/sketched.hpp"
#include "support/sketches.hpp"

namespace {

using crest::f16;
using crest::guided;
using crest::Index;
using crest::SketchBasis;
using Sketched = test::Sketched<f16>;

constexpr Index dim = 64;
constexpr test::Shape shape{.heads = 8, .kv_heads = 2, .keys = 3000, .head_dim = dim, .value_dim = 32};

/// Keys that differ, and queries that look, in few directions: axes of two random rotations, each with a falling
/// spread. decay 1: the same in all directions. spread: of scores, nats.
class World {
 public:
  explicit World(std::uint64_t seed, double decay = 0.93, double spread = 2) : decay_(decay), spread_(spread) {
    test::Random random(seed);
    for (float& sign : signs_) sign = random.bits() & 1 ? 0.125f : -0.125f;
  }
  void fill_keys(test::Tensor<f16>& k, std::uint64_t seed) const { fill(k, seed, signs_, 1); }
  void fill_queries(test::Tensor<float>& q, std::uint64_t seed) const { fill(q, seed, signs_ + 2 * dim, spread_); }

 private:
  /// Rows whose variance is size^2 on the average over directions.
  template <class T>
  void fill(test::Tensor<T>& t, std::uint64_t seed, const float* signs, double size) const {
    test::Random random(seed);
    const double mean_square = decay_ < 1 ? (1 - std::pow(decay_, 2 * dim)) / (1 - decay_ * decay_) / dim : 1;
    for (Index i = 0; i < t.extents()[0]; ++i)
      for (Index j = 0; j < t.extents()[1]; ++j) {
        reference::Row x(dim);
        for (Index c = 0; c < dim; ++c) x[c] = random.normal() * size * std::pow(decay_, c) / std::sqrt(mean_square);
        x = reference::rotated(reference::rotated(x, signs), signs + dim);
        t.fill_row(i, j, [&](Index c) { return static_cast<float>(x[c]); });
      }
  }

  double decay_, spread_;
  float signs_[4 * dim];
};

/// What one text would be: queries and keys to fit to.
struct Text {
  test::Case<f16> c{
      {.shape = {.heads = 4, .kv_heads = 2, .queries = 128, .keys = 2048, .head_dim = dim, .value_dim = 1}}};

  Text(const World& world, std::uint64_t seed) {
    world.fill_queries(c.q, seed);
    world.fill_keys(c.k, seed + 1);
  }
  SketchBasis fit(const calibrate::FitOptions& options = {}) {
    return calibrate::fit({c.q.view(), c.k.view()}, options);
  }
};

SketchBasis fitted(const World& world) { return Text(world, 100).fit(); }

/// A cache of `world` with a sketch in the given basis (null: the random rotation at 2 bits).
std::unique_ptr<Sketched> cache(const World& world, const SketchBasis* basis, bool rows) {
  auto s = std::make_unique<Sketched>(test::Spec{.shape = shape}, rows, crest::SketchOptions{.basis = basis});
  world.fill_queries(s->c.q, 1);
  world.fill_keys(s->c.k, 2);
  s->rebuild(rows);
  return s;
}

/// Means over rows and seeds.
struct Outcome {
  double error = 0, told = 0;
  Index exact = 0;
};

/// No row may be further off than told.
Outcome answer(const World& world, const SketchBasis* basis, float budget) {
  const auto s = cache(world, basis, true);
  const std::vector<oracle::Row> wanted = oracle::solve(s->problem);
  constexpr std::uint64_t seeds = 10;
  Outcome sum;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    sum.exact += test::run(s->problem, guided.with({.budget = budget, .seed = seed})).fallbacks;
    test::expect_told(s->problem, wanted);
    for (Index h = 0; h < shape.heads; ++h) {
      sum.error += test::head_error(s->problem, h, 0, wanted[h].o) / (seeds * shape.heads);
      sum.told += s->problem.error(h, 0) / (seeds * shape.heads);
    }
  }
  return sum;
}

TEST(Fit, HalfABitBeatsTwoRotatedOnOtherText) {
  const World world(1);
  const SketchBasis basis = fitted(world);
  const Outcome rotated = answer(world, nullptr, 0.12f), calibrated = answer(world, &basis, 0.12f);
  EXPECT_EQ(calibrated.exact, 0);
  EXPECT_LE(calibrated.error, 0.7 * rotated.error);
  EXPECT_LE(calibrated.told, 0.7 * rotated.told);
}

TEST(Fit, WidthsFallAndFillWholeDwords) {
  Text text(World(1), 100);
  for (double bits : {0.1, 0.5, 1.0, 2.0, 4.0}) {
    const SketchBasis basis = text.fit({.bits = bits});
    int sum = 0;
    for (std::uint8_t width : basis.bits) sum += width;
    EXPECT_TRUE(std::is_sorted(basis.bits.rbegin(), basis.bits.rend()));
    EXPECT_EQ(sum, std::max(8, static_cast<int>(bits * dim / 4)));
    EXPECT_EQ(basis.mapped, 4 * static_cast<Index>(basis.bits.size()));
    EXPECT_TRUE(crest::detail::sound(basis));
  }
}

/// [mapped][head_dim] times x, of one head.
reference::Row mapped(const SketchBasis& basis, const std::vector<float>& matrix, Index head, const reference::Row& x) {
  reference::Row y(basis.mapped);
  for (Index i = 0; i < basis.mapped; ++i)
    for (Index c = 0; c < basis.head_dim; ++c) y[i] += matrix[(head * basis.mapped + i) * basis.head_dim + c] * x[c];
  return y;
}

double dot(const reference::Row& a, const reference::Row& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

TEST(Fit, WithAllDirectionsScoresAreKept) {
  Text text(World(1), 100);
  const SketchBasis basis = text.fit({.bits = 4});
  ASSERT_EQ(basis.mapped, dim);
  for (Index head = 0; head < 2; ++head)
    for (Index j = 0; j < 20; ++j) {
      const reference::Row k = reference::row_of(text.c.k, head, j), q = reference::row_of(text.c.q, 2 * head, j);
      const double kept = dot(mapped(basis, basis.query_matrix, head, q), mapped(basis, basis.key_matrix, head, k));
      EXPECT_NEAR(kept, dot(q, k), 1e-3 * std::sqrt(dot(q, q) * dot(k, k)));
    }
}

/// head_dims that no four divides are padded with zeros.
TEST(Fit, PadsTheLastField) {
  test::Case<f16> c(
      {.shape = {.heads = 2, .kv_heads = 1, .queries = 64, .keys = 2048, .head_dim = 6, .value_dim = 3}, .spread = 2});
  const SketchBasis basis = calibrate::fit({c.q.view(), c.k.view()}, {.bits = 4});
  ASSERT_EQ(basis.mapped, 8);
  for (Index i = 6 * 6; i < 8 * 6; ++i) EXPECT_EQ(basis.key_matrix[i], 0);
  Sketched s({.shape = {.heads = 2, .kv_heads = 1, .keys = 2048, .head_dim = 6, .value_dim = 3}}, false,
             {.basis = &basis});
  test::compute(s.problem, guided.with({.budget = 0.5f}));
  test::expect_told(s.problem, oracle::solve(s.problem));
}

/// The residual of a key to the mean its block was given, in the coordinates of a basis.
reference::Row coordinates(const SketchBasis& basis, const crest::SketchView& s, Index head, Index j,
                           reference::Row key) {
  const auto* mean = reinterpret_cast<const std::int8_t*>(s.head(j / s.block_keys) + sizeof(crest::BlockHead));
  for (Index c = 0; c < dim; ++c) key[c] -= static_cast<double>(reference::head_of(s, j).mean_step) * mean[c];
  return mapped(basis, basis.key_matrix, head, key);
}

/// Each width loses as much as its quantiser loses of a Gaussian (Max 1960), in steps that fit.
TEST(Codes, OfEveryWidthAreAsGoodAsTheirQuantiser) {
  const World world(1);
  const SketchBasis basis = fitted(world);
  const auto s = cache(world, &basis, false);
  double error[5] = {}, size[5] = {}, count[5] = {};
  for (Index head = 0; head < 2; ++head)
    for (Index j = 0; j < 2944; ++j) {
      const crest::SketchView view = s->sketch.view(head);
      const reference::Row y = coordinates(basis, view, head, j, reference::row_of(s->c.k, head, j)),
                           found = reference::decoded(view, j);
      for (Index i = 0; i < basis.mapped; ++i) {
        const int bits = basis.bits[i / 4];
        const double step = crest::gaussian_step(bits);
        error[bits] += std::pow((y[i] - found[i]) * step, 2), size[bits] += std::pow(y[i] * step, 2), ++count[bits];
      }
    }
  for (const auto& [bits, wanted] : {std::pair{1, 0.3634}, {2, 0.1188}, {4, 0.01154}}) {
    ASSERT_GT(count[bits], 0) << bits;
    EXPECT_NEAR(size[bits] / count[bits], 1, 0.15) << bits << " bits: a coordinate is not in its steps";
    EXPECT_LE(error[bits] / count[bits], 1.3 * wanted) << bits << " bits";
  }
}

/// Bases that fit in shape but were fitted to something else: rows are further off, and it is told (answer() expects
/// that of each row), or they are done exactly.
TEST(Wrong, BasisIsToldByThePrediction) {
  const World world(1);
  const SketchBasis right = fitted(world), other = fitted(World(2)), blind = fitted(World(3, 1.0));
  const Outcome good = answer(world, &right, 0.2f);
  EXPECT_EQ(good.exact, 0);
  for (const SketchBasis* basis : {&other, &blind}) {
    const Outcome bad = answer(world, basis, 0.2f);
    EXPECT_TRUE(bad.told >= 2 * good.told || bad.exact >= 20) << bad.told << ", " << bad.exact << " rows exact";
  }
}

/// Means over many seeds of the sums that guided divides, in units of their exact values' denominator: z scores.
double worst_z(Sketched& s, const std::vector<oracle::Row>& wanted) {
  constexpr int seeds = 400;
  const Index columns = shape.value_dim + 1;
  std::vector<double> sum(shape.heads * columns), square(sum.size());
  for (int seed = 0; seed < seeds; ++seed) {
    EXPECT_EQ(test::run(s.problem, guided.with({.budget = 0.35f, .seed = static_cast<std::uint64_t>(seed)})).fallbacks,
              0);
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const Index head = static_cast<Index>(i) / columns, x = static_cast<Index>(i) % columns;
      const double whole = std::exp(s.problem.lse(head, 0) - wanted[head].lse);
      const double off = x == 0 ? whole - 1 : whole * s.problem.o(head, 0, x - 1) - wanted[head].o[x - 1];
      sum[i] += off, square[i] += off * off;
    }
  }
  double worst = 0;
  for (std::size_t i = 0; i < sum.size(); ++i)
    worst = test::worse(worst, std::abs(sum[i]) / std::sqrt(square[i] + seeds * 1e-12));
  return worst;
}

TEST(Unbiased, WhateverTheBasis) {
  constexpr double decay = 0.93, spread = 1;
  const World world(1, decay, spread);
  const SketchBasis right = fitted(world), other = fitted(World(2, decay, spread)), blind = fitted(World(3, 1.0));
  for (const SketchBasis* basis : {&right, &other, &blind}) {
    const auto s = cache(world, basis, false);
    EXPECT_LE(worst_z(*s, oracle::solve(s->problem)), 5);
  }
}

}  // namespace
