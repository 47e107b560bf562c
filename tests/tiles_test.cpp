// Tile registers: the model in software against plain arithmetic; the instructions, emulated where the CPU lacks them,
// against the model.
#define CREST_USER_KERNELS "tile_kernels.inl"
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "crest/probe.hpp"
#include "support/backends.hpp"
#include "support/kernels.hpp"
#include "support/matrix.hpp"
#include "support/random.hpp"
#if defined(__x86_64__) && defined(__linux__)
#include "support/tile_emulator.hpp"
#endif

namespace {

using crest::bf16;
using crest::Report;
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

/// mixed by instructions, whether the CPU has them or not.
struct ByInstructions : crest::Mixed {
  constexpr TileUnit unit(bool) const { return TileUnit::amx; }
};

constexpr test::Spec prompts[] = {
    {.shape = {.heads = 1, .kv_heads = 1, .queries = 70, .keys = 200, .head_dim = 64, .value_dim = 64},
     .mask = {.causal = true}},
    {.shape = {.heads = 6, .kv_heads = 2, .queries = 37, .keys = 130, .head_dim = 33, .value_dim = 80}},
    {.shape = {.heads = 4, .kv_heads = 1, .queries = 61, .keys = 64, .head_dim = 128, .value_dim = 31},
     .mask = {.causal = true, .window = 30, .sinks = 3}}};

/// The same bits by instructions and by the model.
template <class T>
void expect_same_bits(crest::Backend backend) {
  for (const test::Spec& spec : prompts) {
    const test::Case<T> by_model(spec), by_instructions(spec);
    test::compute(by_model.problem, crest::mixed.with({.target_error = 0, .emulate = true}), backend);
    test::compute(by_instructions.problem, ByInstructions{{.options = {.target_error = 0}}}, backend);
    EXPECT_EQ(by_instructions.o.bytes(), by_model.o.bytes());
    EXPECT_EQ(by_instructions.error.bytes(), by_model.error.bytes());
  }
}
void expect_same_products(crest::Backend backend) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Operands operands(seed);
    EXPECT_EQ(operands.product(backend, TileUnit::amx), operands.product(backend, TileUnit::model));
  }
}
void expect_same_bits(crest::Backend backend) {
  expect_same_products(backend);
  expect_same_bits<float>(backend);
  expect_same_bits<bf16>(backend);
}

#if defined(__x86_64__) && defined(__linux__)
TEST(Tiles, EmulatedInstructionsComputeWhatTheModelDoes) {
  if (crest::detail::this_cpu().amx) GTEST_SKIP() << "this CPU has the instructions";
  for (const std::string name : {"avx512", "avx2"}) {
    const crest::Backend backend = crest::Backend::named(name);
    if (!backend.available()) continue;
    SCOPED_TRACE(name);
    const test::TileEmulator emulator;
    // Weights are rounded by AVX512-BF16 where there is AVX-512; that is not emulated.
    name == "avx2" ? expect_same_bits(backend) : expect_same_products(backend);
    EXPECT_GT(emulator.products(), name == "avx2" ? 1000 : 49);
    EXPECT_FALSE(emulator.configured()) << "tiles were not released";
  }
}

/// What probe() asks of a backend with tile registers, asked of an emulated one.
TEST(Tiles, AnswersOfTheProbeAreThoseOfInstructionsThatWork) {
  if (crest::detail::this_cpu().amx) GTEST_SKIP() << "this CPU has the instructions";
  const crest::Backend backend = crest::Backend::named("avx2");
  if (!backend.available()) GTEST_SKIP() << "no AVX2";
  const test::TileEmulator emulator;
  crest::detail::ProbePrompt prompt;
  EXPECT_TRUE(prompt.attend(crest::exact, backend, prompt.expected).ok());
  const Report report = prompt.attend(ByInstructions{{.options = {.target_error = 0}}}, backend, prompt.out);
  EXPECT_EQ(report.fallbacks, 0);
  EXPECT_TRUE(prompt.agrees(5e-3f));
  EXPECT_FALSE(prompt.agrees(1e-5f)) << "floats were used";
  prompt.out[59 * 48 + 47] *= 1.01f;
  EXPECT_FALSE(prompt.agrees(5e-3f));
}
#endif

TEST(Tiles, RegistersComputeWhatTheModelDoes) {
  crest::probe();
  const crest::Backend amx = crest::Backend::named("amx");
  if (!amx.available()) GTEST_SKIP() << "no tile registers in use on this machine";
  expect_same_bits(amx);
}

}  // namespace
