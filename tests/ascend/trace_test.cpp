// Real attention on the emulated device: a language model's queries, keys and values at 8192 tokens.
#include "examples/common/trace.hpp"

#include "ascend/run.hpp"

namespace {

using namespace test;

const demo::Trace& trace() {
  static const demo::Trace loaded = demo::read_trace(CREST_TEST_TRACE);
  return loaded;
}

/// The query at one recorded position of a layer.
struct Recorded {
  std::vector<float> o, error;
  Problem<f16> problem;

  Recorded(const demo::Layer& layer, Index query) : o(trace().heads * trace().value_dim), error(trace().heads) {
    const demo::Trace& t = trace();
    const Index keys = t.positions[query] + 1, d = t.head_dim;
    problem.q = {layer.q.data() + query * d, {t.heads, 1, d}, {t.queries() * d, d, 1}};
    problem.k = {layer.k.data(), {t.kv_heads, keys, d}, {t.keys * d, d, 1}};
    problem.v = {layer.v.data(), {t.kv_heads, keys, d}, {t.keys * d, d, 1}};
    problem.o = {o.data(), {t.heads, 1, d}};
    problem.error = {error.data(), {t.heads, 1}};
    problem.scale = t.scale;
  }
};

TEST(AscendTrace, Exact) {
  EmulatedDevice device;
  for (const demo::Layer& layer : trace().layers) {
    Recorded r(layer, trace().queries() - 1);
    EXPECT_EQ(on_ascend(device, r.problem, crest::exact).fallbacks, 0);
    expect_close(r.problem, oracle::solve(r.problem), f32_tolerance);
  }
}

/// What a recipe reads of a layer, relative to all of K and V, and how far off it is, in the mean over heads.
struct Measured {
  double bytes = 0, error = 0, missed = 0;
};

template <class R>
Measured measure(EmulatedDevice& device, const demo::Layer& layer, const R& recipe) {
  Recorded r(layer, trace().queries() - 1);
  const crest::Report report = on_ascend(device, r.problem, recipe);
  const auto dense = oracle::solve(r.problem);
  Measured m{.bytes = static_cast<double>(report.bytes_read) / static_cast<double>(report.bytes_dense)};
  m.missed = report.missed_mass;
  for (Index h = 0; h < trace().heads; ++h)
    m.error += relative_l2(r.problem, h, 0, dense[h]) / static_cast<double>(trace().heads);
  return m;
}

/// Recorded values; a change of the algorithm shows here, and is then written down here.
void expect_measured(const Measured& found, const Measured& recorded) {
  EXPECT_LE(std::abs(found.bytes - recorded.bytes), 0.02 * recorded.bytes) << found.bytes;
  EXPECT_LE(std::abs(found.error - recorded.error), 0.02 * recorded.error) << found.error;
  EXPECT_LE(std::abs(found.missed - recorded.missed), 0.02 * recorded.missed) << found.missed;
}

/// Stride sampling is a fair selector only where keys are smooth, which a language model's are not: it reads much, and
/// where it misses a narrow peak its own estimate does not know (layer 6).
TEST(AscendTrace, Clustered) {
  EmulatedDevice device;
  ASSERT_EQ(trace().layers.size(), 3u);
  expect_measured(measure(device, trace().layers[0], crest::clustered), {0.506, 0.148, 0.00184});
  expect_measured(measure(device, trace().layers[1], crest::clustered), {0.225, 0.0208, 0.01235});
  expect_measured(measure(device, trace().layers[2], crest::clustered), {0.473, 0.0368, 0.0150});
}

/// The sketch sees every key: what it leaves out it knows.
TEST(AscendTrace, Sketched) {
  EmulatedDevice device;
  const crest::ascend::Sketched recipe{.drop = 5};
  expect_measured(measure(device, trace().layers[0], recipe), {0.4146, 0.0812, 0.0659});
  expect_measured(measure(device, trace().layers[1], recipe), {0.5424, 0.0549, 0.0551});
  expect_measured(measure(device, trace().layers[2], recipe), {0.5658, 0.0234, 0.0333});
}

}  // namespace
