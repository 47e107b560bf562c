#include "call_guided.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace demo_test {
namespace {

using crest::f16;
using crest::Index;

void require(crest::Status status) {
  if (status != crest::Status::ok) throw std::runtime_error(crest::to_string(status));
}

/// A copy of what one position sees.
struct Position {
  std::vector<f16> k, v;
  std::vector<float> q, o, error;
  crest::Problem<f16> problem;

  Position(const SlowLayer& t, long query) : o(t.heads * t.value_dim), error(t.heads) {
    const Index keys = t.visible(query);
    for (long h = 0; h < t.kv_heads; ++h)
      for (long j = 0; j < keys; ++j) {
        append(t.key(h, j), t.dim, k);
        append(t.value(h, j), t.value_dim, v);
      }
    for (long h = 0; h < t.heads; ++h) q.insert(q.end(), t.query_row(h, query), t.query_row(h, query) + t.dim);
    problem = {.q = {q.data(), {t.heads, 1, t.dim}},
               .k = {k.data(), {t.kv_heads, keys, t.dim}},
               .v = {v.data(), {t.kv_heads, keys, t.value_dim}},
               .o = {o.data(), {t.heads, 1, t.value_dim}},
               .error = {error.data(), {t.heads, 1}},
               .scale = 1 / std::sqrt(static_cast<float>(t.dim))};
  }
  Position(const Position&) = delete;

  static void append(const double* row, long dim, std::vector<f16>& halves) {
    for (long x = 0; x < dim; ++x) halves.push_back(crest::to_f16(static_cast<float>(row[x])));
  }
};

}  // namespace

Solved::Solved(const std::filesystem::path& trace, int layer) : t(trace, layer), number(layer) {
  for (long query = 0; query < t.queries(); ++query) {
    scores.emplace_back();
    exact.emplace_back();
    for (long head = 0; head < t.heads; ++head) {
      scores.back().push_back(t.scores(head, query));
      exact.back().push_back(t.exact(head, scores.back().back()));
    }
  }
}

double dense_bytes(const SlowLayer& t, long query) {
  return static_cast<double>(2 * t.visible(query) * t.kv_heads * (t.dim + t.value_dim));
}

Cell Steps::cell(const SlowLayer& t) const {
  double dense = 0;
  for (long query = 0; query < t.queries(); ++query) dense += dense_bytes(t, query);
  return {std::accumulate(bytes.begin(), bytes.end(), 0.0) / dense, mean(errors), quantile(errors, 0.95)};
}

Line Steps::line(const SlowLayer& t) const {
  const Cell all = cell(t);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < errors.size(); ++i)
    if (told[i] > 0) ratios.push_back(errors[i] / told[i]);
  return {.keys_used = used / visible,
          .error_mean = all.mean,
          .error_p95 = all.p95,
          .bytes_read = all.bytes,
          .error_told = mean(told),
          .true_by_told = ratios.empty() ? std::numeric_limits<double>::quiet_NaN() : quantile(ratios, 0.5),
          .rows_exact = exact / static_cast<double>(errors.size())};
}

void call_guided(const Solved& s, long query, crest::GuidedOptions options, bool byte_rows, Steps& steps) {
  Position at(s.t, query);
  crest::KeySketch sketch(s.t.kv_heads, s.t.dim);
  require(byte_rows ? sketch.append(at.problem.k, at.problem.v) : sketch.append(at.problem.k));
  at.problem.sketch = &sketch;
  options.seed = static_cast<std::uint64_t>(s.number);
  const crest::Report report = crest::attention(at.problem, crest::guided.with(options));
  require(report.status);
  steps.bytes.push_back(static_cast<double>(report.bytes_read));
  steps.used += static_cast<double>(report.keys_used);
  steps.visible += static_cast<double>(report.keys_visible);
  steps.exact += static_cast<double>(report.fallbacks);
  for (long h = 0; h < s.t.heads; ++h) {
    const float* row = at.o.data() + h * s.t.value_dim;
    steps.errors.push_back(relative_error({row, row + s.t.value_dim}, s.exact[query][h]));
    steps.told.push_back(at.error[h]);
  }
}

Steps guided_steps(const Solved& s, const crest::GuidedOptions& options, bool byte_rows) {
  Steps steps;
  for (long query = 0; query < s.t.queries(); ++query) call_guided(s, query, options, byte_rows, steps);
  return steps;
}

}  // namespace demo_test
