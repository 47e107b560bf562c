// The 16-bit conversions, all of them, against their definition.
#include "crest/core/dtype.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "support/random.hpp"

namespace {

using crest::bf16;
using crest::f16;

/// Value of a binary format with the given number of exponent and mantissa bits.
double value(unsigned bits, int exponent_bits, int mantissa_bits) {
  const int top = (1 << exponent_bits) - 1, bias = top / 2;
  const int exponent = static_cast<int>(bits >> mantissa_bits) & top;
  const double fraction = std::ldexp(bits & ((1u << mantissa_bits) - 1), -mantissa_bits);
  const double sign = bits >> (exponent_bits + mantissa_bits) & 1 ? -1 : 1;
  if (exponent == top) return fraction == 0 ? sign * INFINITY : NAN;
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}
double value(f16 x) { return value(x.bits, 5, 10); }
double value(bf16 x) { return value(x.bits, 8, 7); }

template <class T>
void expect_every_pattern_widens() {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const T x{static_cast<std::uint16_t>(bits)};
    const float y = crest::to_float(x);
    if (std::isnan(value(x))) {
      EXPECT_TRUE(std::isnan(y)) << bits;
    } else {
      EXPECT_EQ(y, value(x)) << bits;
      EXPECT_EQ(std::signbit(y), std::signbit(value(x))) << bits;
    }
  }
}

TEST(Dtype, EveryF16Widens) { expect_every_pattern_widens<f16>(); }
TEST(Dtype, EveryBf16Widens) { expect_every_pattern_widens<bf16>(); }

TEST(Dtype, EveryFiniteValueSurvivesARoundTrip) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const f16 h{static_cast<std::uint16_t>(bits)};
    const bf16 b{static_cast<std::uint16_t>(bits)};
    if (!std::isnan(value(h))) {
      EXPECT_EQ(crest::to_f16(crest::to_float(h)).bits, bits);
    }
    if (!std::isnan(value(b))) {
      EXPECT_EQ(crest::to_bf16(crest::to_float(b)).bits, bits);
    }
  }
}

/// The stored value is nearest, and even among two that are equally near.
template <class T, class Narrow>
void expect_nearest_even(float x, Narrow narrow) {
  const T y = narrow(x);
  const T up{static_cast<std::uint16_t>(y.bits + 1)}, down{static_cast<std::uint16_t>(y.bits - 1)};
  const double error = std::abs(value(y) - x);
  for (T other : {up, down}) {
    if (std::isnan(value(other)) || std::isinf(value(other)) || std::signbit(value(other)) != std::signbit(x)) continue;
    const double others = std::abs(value(other) - x);
    EXPECT_TRUE(error < others || (error == others && y.bits % 2 == 0)) << x;
  }
}

TEST(Dtype, NarrowingRoundsToNearestEven) {
  test::Random random(1);
  for (int i = 0; i < 200000; ++i) {
    const float x = std::ldexp(random.normal(), static_cast<int>(random.below(44)) - 30);
    if (std::abs(x) < 65504) expect_nearest_even<f16>(x, [](float y) { return crest::to_f16(y); });
    expect_nearest_even<bf16>(x, [](float y) { return crest::to_bf16(y); });
  }
}

TEST(Dtype, HalfwayGoesToEven) {
  for (unsigned bits = 0; bits < 0x7bff; ++bits) {
    const f16 a{static_cast<std::uint16_t>(bits)}, b{static_cast<std::uint16_t>(bits + 1)};
    const float middle = static_cast<float>((value(a) + value(b)) / 2);
    EXPECT_EQ(crest::to_f16(middle).bits, bits % 2 ? bits + 1 : bits);
    EXPECT_EQ(crest::to_f16(-middle).bits, 0x8000u | (bits % 2 ? bits + 1 : bits));
  }
}

TEST(Dtype, EdgesOfF16) {
  EXPECT_EQ(crest::to_f16(65504.0f).bits, 0x7bff);
  EXPECT_EQ(crest::to_f16(65519.9f).bits, 0x7bff);
  EXPECT_EQ(crest::to_f16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(crest::to_f16(-1e30f).bits, 0xfc00);
  EXPECT_EQ(crest::to_f16(INFINITY).bits, 0x7c00);
  EXPECT_EQ(crest::to_f16(0x1p-25f).bits, 0);
  EXPECT_EQ(crest::to_f16(0x1.000002p-25f).bits, 1);
  EXPECT_EQ(crest::to_f16(-0.0f).bits, 0x8000);
}

TEST(Dtype, NanStaysNan) {
  for (std::uint32_t bits : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0x7fc00000u}) {
    const float nan = std::bit_cast<float>(bits);
    EXPECT_TRUE(std::isnan(crest::to_float(crest::to_f16(nan))));
    EXPECT_TRUE(std::isnan(crest::to_float(crest::to_bf16(nan))));
  }
}

TEST(Dtype, ConversionsAreConstant) {
  static_assert(crest::to_float(crest::to_f16(1.5f)) == 1.5f);
  static_assert(crest::to_float(crest::to_bf16(-2.0f)) == -2.0f);
}

TEST(Dtype, ForeignStorageViewsAsF16) {
  const std::uint16_t storage[] = {0x3c00, 0, 0x4000, 0, 0xbc00, 0};
  const auto dense = crest::view_f16<1>(storage, {6});
  const auto strided = crest::view_f16<2>(storage, {3, 1}, {2, 1});
  EXPECT_EQ(crest::to_float(dense(2)), 2);
  EXPECT_EQ(crest::to_float(strided(2, 0)), -1);
}

}  // namespace
