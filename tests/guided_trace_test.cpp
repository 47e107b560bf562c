// guided on a recorded trace: errors, bytes and what is told, as they were when last written down.
#include <gtest/gtest.h>

#include <algorithm>

#include "examples/common/trace.hpp"
#include "support/backends.hpp"

namespace {

using crest::f16;
using crest::guided;
using crest::Index;
using crest::KeySketch;
using crest::Problem;

const demo::Trace& trace() {
  static const demo::Trace loaded = demo::read_trace(CREST_TEST_TRACE);
  return loaded;
}

/// Outputs of all query heads at one position.
struct Row {
  std::vector<float> o, error;
  Problem<f16> problem;

  Row(const demo::Layer& layer, Index query) : o(trace().heads * trace().value_dim), error(trace().heads) {
    const demo::Trace& t = trace();
    const Index keys = t.positions[query] + 1;
    problem = {
        .q = {layer.q.data() + query * t.head_dim, {t.heads, 1, t.head_dim}, {t.queries() * t.head_dim, t.head_dim, 1}},
        .k = {layer.k.data(), {t.kv_heads, keys, t.head_dim}, {t.keys * t.head_dim, t.head_dim, 1}},
        .v = {layer.v.data(), {t.kv_heads, keys, t.value_dim}, {t.keys * t.value_dim, t.value_dim, 1}},
        .o = {o.data(), {t.heads, 1, t.value_dim}},
        .error = {error.data(), {t.heads, 1}},
        .scale = t.scale};
  }
};

/// Grows a sketch to the keys of a Problem.
void append_up_to(KeySketch& sketch, const Problem<f16>& p, bool rows) {
  const auto fresh = [&](const auto& all) {
    const Index first = sketch.size();
    return crest::TensorView<const f16, 3>(all.data_handle() + first * all.stride(1),
                                           {all.extent(0), all.extent(1) - first, all.extent(2)},
                                           {all.stride(0), all.stride(1), 1});
  };
  EXPECT_EQ(rows ? sketch.append(fresh(p.k), fresh(p.v)) : sketch.append(fresh(p.k)), crest::Status::ok);
}

/// What happened over all layers, positions and heads, for several seeds.
struct Summary {
  std::vector<double> errors;  ///< of all rows that were drawn
  std::vector<double> ratios;  ///< true over told
  double bytes = 0, dense = 0;
  Index fallbacks = 0, rows = 0;

  void add(const Row& found, const Row& exact, const crest::Report& report) {
    bytes += static_cast<double>(report.bytes_read), dense += static_cast<double>(report.bytes_dense);
    fallbacks += report.fallbacks, rows += report.rows;
    if (report.fallbacks > 0) return;  // all heads are of one group
    for (Index h = 0; h < trace().heads; ++h) {
      double difference = 0, length = 0;
      for (Index x = h * trace().value_dim; x < (h + 1) * trace().value_dim; ++x) {
        difference += std::pow(found.o[x] - exact.o[x], 2);
        length += std::pow(exact.o[x], 2);
      }
      errors.push_back(std::sqrt(difference / length));
      ratios.push_back(errors.back() / found.error[h]);
    }
  }
  double mean_error() const {
    double sum = 0;
    for (double e : errors) sum += e;
    return sum / static_cast<double>(errors.size());
  }
};

double quantile(std::vector<double> x, double share) {
  std::sort(x.begin(), x.end());
  return x[static_cast<std::size_t>(share * static_cast<double>(x.size()))];
}
double share_above(const std::vector<double>& x, double limit) {
  const auto above = std::count_if(x.begin(), x.end(), [=](double one) { return !(one <= limit); });
  return static_cast<double>(above) / static_cast<double>(x.size());
}

/// Positions with at least 2048 keys, every layer; the reference is exact, which trace_test holds to the oracle.
Summary run(bool rows, crest::GuidedOptions options, crest::Backend backend = crest::Backend::best()) {
  Summary summary;
  for (const demo::Layer& layer : trace().layers) {
    KeySketch sketch(trace().kv_heads, trace().head_dim);
    for (Index query = 0; query < trace().queries(); ++query) {
      if (trace().positions[query] < 2048) continue;
      Row exact(layer, query), found(layer, query);
      append_up_to(sketch, found.problem, rows);
      found.problem.sketch = &sketch;
      test::compute(exact.problem);
      for (int repeat = 0; repeat < 4; ++repeat) {
        options.seed = static_cast<std::uint64_t>(100 * layer.number + repeat);
        summary.add(found, exact, test::run(found.problem, guided.with(options), backend));
      }
    }
  }
  return summary;
}

void expect_calibrated(const Summary& s) {
  EXPECT_GE(quantile(s.ratios, 0.5), 0.75);
  EXPECT_LE(quantile(s.ratios, 0.5), 1.15);
  EXPECT_LE(quantile(s.ratios, 0.99), 2.2);
  EXPECT_LE(share_above(s.ratios, 2), 0.015);
}

/// What was measured when this was last written down.
struct Recorded {
  bool rows;
  float budget;
  double mean_error, p95, bytes;
};
constexpr Recorded recorded[] = {{true, 0.15f, 0.0133, 0.0386, 0.1500},
                                 {true, 0.10f, 0.0563, 0.1553, 0.1041},
                                 {false, 0.15f, 0.0318, 0.0938, 0.1506},
                                 {false, 0.20f, 0.0158, 0.0476, 0.2001}};

TEST(GuidedTrace, KeepsItsRecordedErrors) {
  for (const Recorded& r : recorded) {
    SCOPED_TRACE(std::string(r.rows ? "8-bit rows" : "f16 rows") + ", budget " + std::to_string(r.budget));
    const Summary s = run(r.rows, {.budget = r.budget});
    ASSERT_LE(s.fallbacks, s.rows / 50);
    EXPECT_NEAR(s.mean_error(), r.mean_error, 0.1 * r.mean_error);
    EXPECT_NEAR(quantile(s.errors, 0.95), r.p95, 0.15 * r.p95);
    EXPECT_NEAR(s.bytes / s.dense, r.bytes, 0.02 * r.bytes);
    expect_calibrated(s);
  }
}

TEST(GuidedTrace, IsTheSameOnEveryBackend) {
  test::for_each_backend([](crest::Backend backend) {
    const Summary s = run(true, {}, backend);
    EXPECT_NEAR(s.mean_error(), recorded[0].mean_error, 0.1 * recorded[0].mean_error);
    expect_calibrated(s);
  });
}

TEST(GuidedTrace, ATargetIsKept) {
  constexpr float target = 0.02f;
  const Summary s = run(true, {.target_error = target});
  EXPECT_LE(s.bytes / s.dense, 0.16);
  EXPECT_LE(s.fallbacks, s.rows / 20);
  EXPECT_LE(share_above(s.errors, target), 0.05);
  EXPECT_EQ(share_above(s.errors, 3 * target), 0);
  EXPECT_GE(s.mean_error(), target / 10) << "more is read than the target asks for";
}

/// The reasons to sample by a sketch: less error than the heaviest keys alone give, than uniform samples, and than
/// samples by what `clustered` knows.
TEST(GuidedTrace, SamplingByASketchBeatsOtherDraws) {
  const Summary mass = run(true, {});
  for (crest::Draw draw : {crest::Draw::top, crest::Draw::uniform, crest::Draw::probe}) {
    const Summary other = run(true, {.draw = draw});
    EXPECT_NEAR(other.bytes, mass.bytes, 0.02 * mass.bytes);
    EXPECT_LE(mass.mean_error(), 0.5 * other.mean_error());
  }
}

/// And a true prediction, which the heaviest keys alone and uniform samples lack.
TEST(GuidedTrace, OnlySamplingByMassKnowsItsError) {
  for (crest::Draw draw : {crest::Draw::top, crest::Draw::uniform})
    EXPECT_GE(share_above(run(true, {.draw = draw}).ratios, 2), 0.02);
}

}  // namespace
