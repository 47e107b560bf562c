// The model of tile registers against plain arithmetic, and against the registers themselves where the CPU has them.
#define CREST_USER_KERNELS "tile_kernels.inl"
#include <gtest/gtest.h>

#include <array>

#include "crest/probe.hpp"
#include "support/backends.hpp"
#include "support/random.hpp"

namespace {

using crest::bf16;
using crest::TileUnit;

struct Operands {
  std::array<bf16, 16 * 32> a{};
  std::array<bf16, 16 * 32> b{};  ///< rows 2k and 2k + 1 by turns
  std::array<float, 16 * 16> c{};

  explicit Operands(std::uint64_t seed) {
    test::Random random(seed);
    for (bf16& x : a) x = crest::to_bf16(random.normal());
    for (bf16& x : b) x = crest::to_bf16(random.normal());
    for (float& x : c) x = random.normal();
  }
  double wanted(int m, int n) const {
    double sum = c[m * 16 + n];
    for (int k = 0; k < 32; ++k)
      sum += double{crest::to_float(a[m * 32 + k])} * crest::to_float(b[k / 2 * 32 + 2 * n + k % 2]);
    return sum;
  }
  std::array<float, 16 * 16> product(crest::Backend backend, TileUnit unit) const {
    std::array<float, 16 * 16> sum = c;
    crest::dispatch(backend, [&](auto region) { multiply_in_tiles(region, unit, a.data(), b.data(), sum.data()); });
    return sum;
  }
};

TEST(Tiles, TheModelMultipliesMatrices) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Operands operands(seed);
    test::for_each_backend([&](crest::Backend backend) {
      const auto sum = operands.product(backend, TileUnit::model);
      for (int m = 0; m < 16; ++m)
        for (int n = 0; n < 16; ++n) EXPECT_NEAR(sum[m * 16 + n], operands.wanted(m, n), 2e-5) << m << ", " << n;
    });
  }
}

/// Even and odd places are summed apart, and added to what was there at the end.
TEST(Tiles, TheModelAddsInTheOrderOfTheInstruction) {
  Operands operands(1);
  operands.a.fill({}), operands.b.fill({});
  const auto set = [&](int k, float a, float b) {
    operands.a[k] = crest::to_bf16(a), operands.b[k / 2 * 32 + k % 2] = crest::to_bf16(b);
  };
  set(0, 0x1p24f, 1), set(1, 1, 1), set(2, -0x1p24f, 1), set(3, 1, 1);
  operands.c[0] = 0.5f;
  test::for_each_backend(
      [&](crest::Backend backend) { EXPECT_EQ(operands.product(backend, TileUnit::model)[0], 2.5f); });
}

TEST(Tiles, TheModelTakesNumbersBelowTheNormalOnesForZeros) {
  Operands operands(1);
  operands.c.fill(0), operands.a.fill({}), operands.b.fill({});
  operands.a[0] = crest::to_bf16(0x1p-127f), operands.b[0] = crest::to_bf16(0x1p100f);
  operands.a[32] = crest::to_bf16(0x1p-100f), operands.b[2] = crest::to_bf16(0x1p-30f);
  operands.c[5] = 0x1p-130f;
  test::for_each_backend([&](crest::Backend backend) {
    const auto sum = operands.product(backend, TileUnit::model);
    EXPECT_EQ(sum[0], 0) << "an operand";
    EXPECT_EQ(sum[17], 0) << "a sum";
    EXPECT_EQ(sum[5], 0) << "what was there";
    EXPECT_EQ(sum[16], 1) << "a normal one";
  });
}

TEST(Tiles, RegistersComputeWhatTheModelDoes) {
  crest::probe();
  const crest::Backend amx = crest::Backend::named("amx");
  if (!amx.available()) GTEST_SKIP() << "no tile registers in use on this machine";
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Operands operands(seed);
    EXPECT_EQ(operands.product(amx, TileUnit::amx), operands.product(amx, TileUnit::model));
  }
}

}  // namespace
