// KeySketch: what its codes, its 8-bit rows and its memory hold.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/sketches.hpp"

namespace {

using crest::f16;
using crest::Index;
using crest::KeySketch;
using crest::SketchView;
using crest::Status;
using test::cache;
using test::Case;
using test::sketch_of;

TEST(Append, AnyPortionsGiveTheSameBytes) {
  test::for_each_type([]<class T>(T) {
    for (Index dim : {1, 7, 33, 64, 80, 96, 128, 256})
      for (bool rows : {false, true}) {
        Case<T> c = cache<T>(300, dim, dim / 2 + 1);
        KeySketch pieces(2, dim);
        test::Random random(static_cast<std::uint64_t>(dim));
        for (Index at = 0, next; at < 300; at = next)
          test::append(pieces, c, at, next = std::min<Index>(300, at + random.below(100)), rows);
        EXPECT_TRUE(test::saved(pieces) == test::saved(sketch_of(c, rows))) << dim;
        EXPECT_EQ(pieces.size(), 300);
        EXPECT_EQ(pieces.value_dim(), rows ? dim / 2 + 1 : 0);
      }
  });
}

TEST(Append, GapsAndAlignmentDoNotMatter) {
  test::for_each_type([]<class T>(T) {
    Case<T> plain = cache<T>(200), gaps = cache<T>(200, 64, 48, 1, {.head_gap = 7, .row_gap = 3, .offset = 1});
    EXPECT_EQ(test::saved(sketch_of(plain)), test::saved(sketch_of(gaps)));
  });
}

TEST(Append, TheStorageTypeShowsInHashesOnly) {
  Case<f16> half = cache<f16>(200);
  Case<float> wide = cache<float>(200);
  wide.k.fill([&](Index i, Index j, Index x) { return half.k.get(i, j, x); });
  wide.v.fill([&](Index i, Index j, Index x) { return half.v.get(i, j, x); });
  EXPECT_EQ(test::content(sketch_of(half), false), test::content(sketch_of(wide), false));
  EXPECT_NE(test::content(sketch_of(half)), test::content(sketch_of(wide)));
}

/// Uniform quantisers of Gaussians are off by .603, .345 and .107 (Max 1960); steps of a scale by an eighth of an
/// octave add .025. Few coordinates are a little easier, since each key has a scale of its own.
TEST(Codes, AreAsFarOffAsTheoryHasIt) {
  constexpr struct {
    int bits;
    double low, high;
  } wanted[] = {{1, 0.585, 0.615}, {2, 0.325, 0.355}, {4, 0.095, 0.120}};
  for (const auto& w : wanted)
    for (Index dim : {33, 64, 80, 96, 128, 256}) {
      Case<float> c = cache(256, dim);
      const double error = test::code_error(sketch_of(c, false, {.bits = w.bits}), c);
      EXPECT_GE(error, w.low) << w.bits << " bits, head_dim " << dim;
      EXPECT_LE(error, w.high) << w.bits << " bits, head_dim " << dim;
    }
}

TEST(Codes, OfFewCoordinatesAreNoWorse) {
  for (Index dim : {1, 2, 3, 7}) {
    Case<float> c = cache(512, dim);
    EXPECT_LE(test::code_error(sketch_of(c, false, {.bits = 1}), c), 0.62) << dim;
    EXPECT_LE(test::code_error(sketch_of(c, false, {.bits = 2}), c), 0.37) << dim;
    EXPECT_LE(test::code_error(sketch_of(c, false, {.bits = 4}), c), 0.13) << dim;
  }
}

/// Where squares underflow there is nothing left to tell apart, but no nonsense either.
TEST(Codes, HoldAtAnyScale) {
  for (float scale : {1e-30f, 1e-18f, 1e-3f, 1e4f, 1e15f}) {
    Case<float> c = cache(256);
    c.k.fill([&](Index i, Index j, Index x) { return scale * c.k.get(i, j, x); });
    const KeySketch s = sketch_of(c);
    EXPECT_LE(test::code_error(s, c), scale < 1e-18f ? 1.01 : 0.355) << scale;
  }
}

TEST(Codes, DependOnTheSeed) {
  Case<float> c = cache(128);
  EXPECT_EQ(test::content(sketch_of(c, true, {.seed = 5})), test::content(sketch_of(c, true, {.seed = 5})));
  EXPECT_NE(test::content(sketch_of(c, true, {.seed = 5})), test::content(sketch_of(c, true, {.seed = 6})));
}

TEST(Rows, LieWithinHalfAStep) {
  for (Index dim : {1, 7, 33, 64, 80, 128}) {
    Case<float> c = cache(256, dim, 129 - dim);
    const double error = test::row_error(sketch_of(c), c);
    EXPECT_GE(error, 0.45) << dim;
    EXPECT_LE(error, 0.501) << dim;
  }
}

TEST(Rows, UseTheirWholeRange) {
  Case<float> c = cache(128);
  const KeySketch s = sketch_of(c);
  const SketchView v = s.view(1);
  int k = 0, values = 0;
  for (Index i = 0; i < test::sketch_block * v.row_pitch(); ++i) {
    int& most = i % v.row_pitch() < v.head_dim ? k : values;
    most = std::max(most, std::abs(int{v.rows[i].bits}));
  }
  EXPECT_EQ(k, 127);
  EXPECT_EQ(values, 127);
}

TEST(Hashes, SeeEveryElement) {
  test::for_each_type([]<class T>(T) {
    for (Index dim : {1, 7, 16, 33, 64}) {
      Case<T> c = cache<T>(70, dim);
      const std::vector<std::uint16_t> before = test::hashes(sketch_of(c, false));
      for (Index x = 0; x < dim; ++x) {
        const float old = c.k.get(1, 66, x);
        c.k.set(1, 66, x, old + 1);
        std::vector<std::uint16_t> after = test::hashes(sketch_of(c, false));
        EXPECT_NE(after[70 + 66], before[70 + 66]) << "head_dim " << dim << ", element " << x;
        after[70 + 66] = before[70 + 66];
        EXPECT_EQ(after, before);
        c.k.set(1, 66, x, old);
      }
    }
  });
}

TEST(Hashes, AreSpreadOut) {
  Case<f16> c = cache<f16>(4000, 32);
  std::vector<std::uint16_t> all = test::hashes(sketch_of(c, false));
  std::sort(all.begin(), all.end());
  EXPECT_GE(std::unique(all.begin(), all.end()) - all.begin(), 7400) << "8000 of 65536 values meet 470 times by chance";
}

/// A larger row that comes later makes the steps of its block larger, and rounds the others once more.
TEST(Rows, SurviveALargerRowInTheirBlock) {
  Case<float> c = cache(128);
  KeySketch s = sketch_of(c);
  c.k.fill_row(1, 70, [&](Index x) { return 5 * c.k.get(1, 70, x); });
  c.v.fill_row(1, 70, [&](Index x) { return 5 * c.v.get(1, 70, x); });
  ASSERT_EQ(s.overwrite(70, test::part(c.k, 70, 71), test::part(c.v, 70, 71)), Status::ok);
  EXPECT_LE(test::row_error(s, c), 1.001);
  EXPECT_LE(test::code_error(s, c), 0.40);
}

}  // namespace
