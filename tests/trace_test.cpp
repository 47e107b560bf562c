// Real attention: three layers of a language model at 8192 tokens. The errors are recorded with bounds on both sides,
// so that a change of the algorithm, for the worse or for the better, shows here and is then written down here.
#include "examples/common/trace.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "support/backends.hpp"
#include "support/compare.hpp"

namespace {

using crest::f16;
using crest::Index;
using crest::Problem;

const demo::Trace& trace() {
  static const demo::Trace loaded = demo::read_trace(CREST_TEST_TRACE);
  return loaded;
}

/// One query per Problem: the query at position p sees keys 0..p.
struct Rows {
  std::vector<Index> queries;  ///< of the trace
  std::vector<float> o;
  std::vector<Problem<f16>> problems;

  explicit Rows(const demo::Layer& layer) {
    const demo::Trace& t = trace();
    for (Index i = 5; i < t.queries(); i += 5) queries.push_back(i);
    o.resize(queries.size() * t.heads * t.value_dim);
    for (std::size_t r = 0; r < queries.size(); ++r) problems.push_back(problem(layer, r));
  }

 private:
  Problem<f16> problem(const demo::Layer& layer, std::size_t r) {
    const demo::Trace& t = trace();
    const Index keys = t.positions[queries[r]] + 1;
    return {.q = {layer.q.data() + queries[r] * t.head_dim,
                  {t.heads, 1, t.head_dim},
                  {t.queries() * t.head_dim, t.head_dim, 1}},
            .k = {layer.k.data(), {t.kv_heads, keys, t.head_dim}, {t.keys * t.head_dim, t.head_dim, 1}},
            .v = {layer.v.data(), {t.kv_heads, keys, t.value_dim}, {t.keys * t.value_dim, t.value_dim, 1}},
            .o = {o.data() + r * t.heads * t.value_dim, {t.heads, 1, t.value_dim}},
            .scale = t.scale};
  }
};

/// Relative errors of all rows of a layer.
struct Errors {
  double mean = 0, worst = 0;
};

/// The oracle is asked once per layer.
const std::vector<oracle::Row>& wanted(const demo::Layer& layer, const Problem<f16>& p, std::size_t r) {
  static std::map<std::pair<int, std::size_t>, std::vector<oracle::Row>> solved;
  std::vector<oracle::Row>& rows = solved[{layer.number, r}];
  if (rows.empty()) rows = oracle::solve(p);
  return rows;
}

Errors errors(const demo::Layer& layer, const Rows& rows) {
  Errors e;
  Index count = 0;
  for (std::size_t r = 0; r < rows.problems.size(); ++r)
    for (Index h = 0; h < trace().heads; ++h, ++count) {
      const double error = test::relative_l2(rows.problems[r], h, 0, wanted(layer, rows.problems[r], r)[h]);
      e.mean += error;
      e.worst = test::worse(e.worst, error);
    }
  e.mean /= static_cast<double>(count);
  return e;
}

void expect_recorded(double found, double recorded) {
  constexpr double tolerance = 0.01;
  EXPECT_GE(found, recorded * (1 - tolerance)) << "better than recorded: write it down";
  EXPECT_LE(found, recorded * (1 + tolerance));
}

TEST(Trace, IsTheOneThatComesAlong) {
  EXPECT_EQ(trace().keys, 8192);
  EXPECT_EQ(trace().gqa_group(), 3);
  EXPECT_EQ(trace().layers.size(), 3u);
}

TEST(Trace, ExactIsExactOnEveryBackend) {
  for (const demo::Layer& layer : trace().layers)
    test::for_each_backend([&](crest::Backend backend) {
      SCOPED_TRACE("layer " + std::to_string(layer.number));
      Rows rows(layer);
      EXPECT_TRUE(crest::attention(rows.problems, crest::exact, crest::this_thread_serial(), backend).ok());
      const Errors e = errors(layer, rows);
      EXPECT_LE(e.worst, 5e-6);
      EXPECT_LE(e.mean, 2e-6);
    });
}

/// What the clustered recipe did on one layer when this was last written down.
struct Recorded {
  double mean_error, missed_mass, share_used;
};
constexpr Recorded recorded[] = {
    {0.93176, 0.2994, 0.0378174}, {0.118137, 0.113703, 0.0159987}, {0.318565, 0.352054, 0.0337563}};

TEST(Trace, ClusteredKeepsItsRecordedErrors) {
  for (std::size_t i = 0; i < trace().layers.size(); ++i)
    test::for_each_backend([&](crest::Backend backend) {
      const demo::Layer& layer = trace().layers[i];
      SCOPED_TRACE("layer " + std::to_string(layer.number));
      Rows rows(layer);
      const crest::Report report =
          crest::attention(rows.problems, crest::clustered, crest::this_thread_serial(), backend);
      expect_recorded(errors(layer, rows).mean, recorded[i].mean_error);
      expect_recorded(report.missed_mass, recorded[i].missed_mass);
      expect_recorded(static_cast<double>(report.keys_used) / static_cast<double>(report.keys_visible),
                      recorded[i].share_used);
    });
}

}  // namespace
