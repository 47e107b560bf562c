// What the kernels move and compute, as the emulation counts it, and the order in which it runs cores. CANN's CPU-debug
// library knows neither; all other tests of kernels are for both.
#include "ascend/cache_layouts.hpp"
#include "ascend/run.hpp"

namespace {

using namespace test;
using crest::Report;
using crest::ascend::Sketched;

TEST(AscendCounts, SameBitsForAnyNumberOfCoresAndOrder) {
  Case<f16> c(decode_spec(3, 2, 3000, 64));
  EmulatedDevice one(1), many(11);
  expect_exact(one, c);
  const auto first = c.o;
  for (std::uint32_t seed : {5, 6, 7}) {
    ascend_emu::Launcher::get().seed = seed;
    c.reset();
    expect_exact(many, c);
    for (Index h = 0; h < 6; ++h)
      for (Index x = 0; x < 64; ++x) ASSERT_EQ(c.o.get(h, 0, x), first.get(h, 0, x));
  }
}

TEST(AscendCounts, ExactReadsTheCacheOncePerGroup) {
  EmulatedDevice device(5);
  for (Index head_dim : {64, 128}) {
    Case<f16> c(decode_spec(4, 2, 6000, head_dim));
    device.forget();
    const Report r = on_ascend(device, c.problem, crest::exact);
    const auto& decode = device.traces().at(0);
    const auto mte2 = ascend_emu::totals(decode)[PIPE_MTE2];
    EXPECT_EQ(r.bytes_read, r.bytes_dense);
    EXPECT_GE(mte2.bytes, r.bytes_dense);
    EXPECT_LE(mte2.bytes, r.bytes_dense * 105 / 100);
    EXPECT_EQ(mte2.small_pieces, 0u);
    for (const auto& core : decode) EXPECT_LE(core.ub_bytes, 188160u);
  }
}

TEST(AscendCounts, ClusteredReadsSamplesPlusUsedRows) {
  EmulatedDevice device(1);
  for (Index head_dim : {64, 128}) {
    Case<f16> c(smooth_spec(2, 12000, head_dim));
    device.forget();
    const Report r = on_ascend(device, c.problem, recipe(16, 16, 1, 4));
    const Index used = r.keys_used / 2, sampled = r.keys_sampled / 2;
    EXPECT_EQ(r.bytes_read, static_cast<std::uint64_t>((2 * used + sampled) * head_dim * 2));
    EXPECT_LE(sampled, 12000 / 16 + 1);
    const auto mte2 = ascend_emu::totals(device.traces().at(0))[PIPE_MTE2];
    EXPECT_GE(mte2.bytes, r.bytes_read);
    EXPECT_LE(mte2.bytes, r.bytes_read + 3 * 2 * head_dim * 4);  // and the queries of three pieces
    EXPECT_LE(mte2.small_pieces, static_cast<std::uint64_t>(sampled)) << "only single sampled rows are below 512 bytes";
  }
}

#if __CCE_AICORE__ == 220
TEST(AscendCounts, TwoUnitsDifferByTheHandOver) {
  Case<f16> c(smooth_spec(2, 12000, 64));
  EmulatedDevice one(2), two(2);
  const Report inside = on_ascend(one, c.problem, crest::clustered);
  const Report across = on_ascend(two, c.problem, crest::clustered, {Mapping::two_cores});
  EXPECT_EQ(inside.bytes_read, across.bytes_read);
  const auto a = ascend_emu::totals(one.traces().at(0)), b = ascend_emu::totals(two.traces().at(0));
  constexpr std::uint64_t items = 3, queries = 2 * 64 * 4, samples = 2 * 4 * (256 + 256 + 256);
  EXPECT_EQ(b[PIPE_MTE3].bytes, a[PIPE_MTE3].bytes + samples) << "samples leave one unit";
  EXPECT_EQ(b[PIPE_MTE2].bytes, a[PIPE_MTE2].bytes + samples + items * queries) << "and reach the other, as queries do";
  EXPECT_EQ(b[PIPE_V].repeats, a[PIPE_V].repeats + items * queries / 256) << "both units scale the queries";
  for (const auto& unit : two.traces().at(0)) EXPECT_EQ(unit.cross_core_barriers, items);
}
#endif

TEST(AscendCounts, SketchedReadsTheSketchPlusUsedRows) {
  EmulatedDevice device(1);
  Spec spec = decode_spec(2, 2, 6000, 128);
  spec.spread = 3;
  Case<f16> c(spec);
  const Report r = on_ascend(device, c.problem, Sketched{.drop = 4});
  EXPECT_EQ(r.keys_sampled, r.keys_visible);
  EXPECT_EQ(r.bytes_read, r.bytes_dense / 4 + static_cast<std::uint64_t>(r.keys_used / 2 * 2 * 128 * 2));
  EXPECT_LT(r.bytes_read, r.bytes_dense / 2);
  EXPECT_GE(ascend_emu::totals(device.traces().at(0))[PIPE_MTE2].bytes, r.bytes_read);
}

TEST(AscendCounts, ACacheOfSampledKeysIsReadInWholeTiles) {
  for (Mapping mapping : mappings()) {
    Case<f16> c(smooth_spec(2, 3000, 64));
    EmulatedDevice packed(1);
    PagedDevice sampled({.keys = {3000}, .stride = 16}, 1);
    const Report rows = on_ascend(packed, c.problem, crest::clustered);
    const Report tiles = on_ascend(sampled, c.problem, crest::clustered, {mapping});
    EXPECT_EQ(rows.bytes_read, tiles.bytes_read);
    const auto strided = ascend_emu::totals(packed.traces().at(0))[PIPE_MTE2];
    const auto contiguous = ascend_emu::totals(sampled.emulated().traces().at(0))[PIPE_MTE2];
    EXPECT_GE(strided.small_pieces, 3000u / 16) << "a piece per sampled row";
    EXPECT_LT(contiguous.small_pieces, 64u) << "only rows at page ends are left";
  }
}

}  // namespace
