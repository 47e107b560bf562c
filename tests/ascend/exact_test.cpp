// The exact kernel and the merge kernel against the double oracle.
#include "ascend/run.hpp"
#include "support/matrix.hpp"
#include "support/slopes.hpp"

namespace {

using namespace test;

TEST(AscendExact, Shapes) {
  EmulatedDevice device(6);
  for (Index head_dim : {64, 128})
    for (Index group : {1, 3, 8, 9, 16})
      for (Index keys : {1, 3, 8, 63, 64, 65, 127, 128, 129, 200, 513, 700}) {
        SCOPED_TRACE(testing::Message() << "head_dim " << head_dim << " group " << group << " keys " << keys);
        Case<f16> c(decode_spec(group, 1 + keys % 2, keys, head_dim));
        expect_exact(device, c);
      }
}

TEST(AscendExact, ManySplits) {
  EmulatedDevice device(7);
  for (Index keys : {4096, 5000, 7001}) {
    Case<f16> c(decode_spec(2, 1, keys, 64));
    expect_exact(device, c);
  }
}

TEST(AscendExact, GroupsLargerThanAnItem) {
  EmulatedDevice device;
  Case<f16> c(decode_spec(37, 1, 300, 64));
  const crest::Report r = on_ascend(device, c.problem, crest::exact);
  expect_close(c.problem, oracle::solve(c.problem), f32_tolerance);
  EXPECT_EQ(r.bytes_read, 3 * r.bytes_dense) << "16 heads at a time";
}

TEST(AscendExact, RaggedBatch) {
  EmulatedDevice device;
  std::vector<Case<f16>> cases;
  std::vector<crest::Problem<f16>> problems;
  for (Index keys : {0, 1, 70, 900, 0, 2048, 5}) cases.emplace_back(decode_spec(2, 2, keys, 64));
  for (auto& c : cases) problems.push_back(c.problem);
  const crest::Report r = on_ascend(device, problems, crest::exact);
  for (auto& c : cases) expect_close(c.problem, oracle::solve(c.problem), f32_tolerance);
  EXPECT_EQ(r.rows, 7 * 4);
  EXPECT_EQ(r.keys_visible, 4 * (1 + 70 + 900 + 2048 + 5));
  EXPECT_EQ(r.keys_used, r.keys_visible);
  EXPECT_EQ(r.bytes_read, r.bytes_dense);
}

TEST(AscendExact, Masks) {
  EmulatedDevice device;
  for (const Mask& mask : masks)
    for (Index keys : {3, 90, 640}) {
      Spec spec = decode_spec(2, 1, keys, 64);
      spec.shape.queries = 4;
      spec.mask = mask;
      Case<f16> c(spec);
      expect_exact(device, c);
    }
}

TEST(AscendExact, Ranges) {
  EmulatedDevice device;
  Spec spec = decode_spec(3, 1, 900, 128);
  spec.shape.queries = 5;
  Case<f16> c(spec);
  c.see(holes(spec.shape, 4));
  expect_exact(device, c);
}

/// One key each, so that every range is an item of its own.
std::vector<std::vector<KeyRange>> lone_keys(Index count) {
  std::vector<KeyRange> ranges;
  for (Index i = 0; i < count; ++i) ranges.push_back({4 * i + 1, 4 * i + 2});
  return {ranges};
}

TEST(AscendExact, AsManyItemsAsAGroupMayHave) {
  EmulatedDevice device;
  const Index most = crest::ascend::max_parts;
  Case<f16> c(decode_spec(16, 1, 4 * most + 4, 128));
  c.see(lone_keys(most));
  expect_exact(device, c);
  c.see(lone_keys(most + 1));
  c.reset();
  const auto r = crest::attention(c.problem, crest::exact, crest::this_thread_serial(), Ascend(device));
  EXPECT_EQ(r.status, crest::Status::backend);
  EXPECT_EQ(r.expected, most);
  EXPECT_EQ(r.found, most + 1);
  EXPECT_TRUE(c.untouched());
}

TEST(AscendExact, AnyStridesAndAlignment) {
  EmulatedDevice device;
  Spec spec = decode_spec(2, 2, 150, 64);
  spec.layout = {7, 3, 1};
  Case<f16> c(spec);
  expect_exact(device, c);
}

TEST(AscendExact, StartsAgainWhenTheReferenceIsFarTooLow) {
  EmulatedDevice device;
  Shape shape{.heads = 2, .kv_heads = 1, .keys = 1200, .head_dim = 64, .value_dim = 64};
  auto climb = slope<f16>(shape, 300);
  EXPECT_GT(on_ascend(device, climb.problem, crest::exact).rescales, 0);
  expect_close(climb.problem, oracle::solve(climb.problem),
               1e-4);  // scores of 300 nats carry 2e-5 of rounding themselves
  auto fall = slope<f16>(shape, -300);
  EXPECT_EQ(on_ascend(device, fall.problem, crest::exact).rescales, 0);
  expect_close(fall.problem, oracle::solve(fall.problem), 1e-4);
}

TEST(AscendExact, NonFiniteWhereTheOracleIs) {
  EmulatedDevice device;
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Case<f16> c(decode_spec(2, 2, 300, 64));
    c.k.set(1, 200, 5, bad);
    EXPECT_EQ(on_ascend(device, c.problem, crest::exact).rows, 4);
    const auto wanted = oracle::solve(c.problem);
    Index broken = 0;
    for (Index h = 0; h < 4; ++h)
      for (Index x = 0; x < 64; ++x) {
        EXPECT_EQ(std::isfinite(c.o.get(h, 0, x)), std::isfinite(wanted[h].o[x])) << h;
        broken += !std::isfinite(wanted[h].o[x]);
      }
    EXPECT_GT(broken, 0);
  }
}

TEST(AscendHost, RefusesWhatTheKernelsCannotDo) {
  EmulatedDevice device;
  const auto status = [&](const auto& problem, const auto& recipe) {
    return crest::attention(problem, recipe, crest::this_thread_serial(), Ascend(device));
  };
  const Case<f16> narrow(decode_spec(1, 1, 8, 80));
  EXPECT_EQ(status(narrow.problem, crest::exact).status, crest::Status::backend);
  EXPECT_EQ(status(narrow.problem, crest::exact).found, 80);
  EXPECT_TRUE(narrow.untouched());
  const Case<float> wide(decode_spec(1, 1, 8, 64));
  EXPECT_EQ(status(wide.problem, crest::exact).status, crest::Status::backend);
  const Case<f16> good(decode_spec(1, 1, 8, 64));
  auto peaks = crest::clustered;
  peaks.sampler.step = 10000;
  EXPECT_EQ(status(good.problem, peaks).status, crest::Status::backend);
  EXPECT_EQ(
      status(good.problem, crest::Recipe{crest::Stride{}, crest::Stay{}, crest::Margin{}, crest::Plateau{}}).status,
      crest::Status::backend);
}

TEST(AscendHost, RefusesWhatOnlyCpusDo) {
  EmulatedDevice device;
  const auto refuses = [&](auto&& change) {
    const Case<f16> c(decode_spec(1, 1, 8, 64));
    auto problem = c.problem;
    change(problem);
    const auto status = crest::attention(problem, crest::exact, crest::this_thread_serial(), Ascend(device)).status;
    return status == crest::Status::backend && c.untouched();
  };
  const std::vector<float> sinks(1), half(64);
  const std::array<std::int32_t, 1> page{0};
  EXPECT_TRUE(refuses([](auto& p) { p.logits.softcap = 5; }));
  EXPECT_TRUE(refuses([&](auto& p) { p.logits.sinks = sinks; }));
  EXPECT_TRUE(refuses([&](auto& p) { p.pages = {.pages = page, .keys = 8, .pool = 1}; }));
  EXPECT_TRUE(refuses([&](auto& p) { p.q = crest::view_f16<3>(half.data(), {1, 1, 64}); }));
}

TEST(AscendHost, AFailingDeviceIsAStatus) {
  Case<f16> c(decode_spec(1, 1, 8, 64));
  FailingDevice no_memory{.memory = false}, no_launch{.launches = false};
  const auto run = [&](FailingDevice& d) {
    return crest::attention(c.problem, crest::exact, crest::this_thread_serial(), Ascend(d)).status;
  };
  EXPECT_EQ(run(no_memory), crest::Status::out_of_memory);
  EXPECT_EQ(run(no_launch), crest::Status::backend);
  EXPECT_TRUE(c.untouched());
}

}  // namespace
