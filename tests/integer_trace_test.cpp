// integer on real attention: what rounding queries costs recorded heads whose cache was rounded to few bits, and what
// is told of it. CREST_TRACE=DIR takes another trace; what was found is printed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "examples/common/trace.hpp"
#include "support/backends.hpp"
#include "support/quantise.hpp"

namespace {

using crest::Index;
using crest::Problem;

const demo::Trace& trace() {
  const char* const other = std::getenv("CREST_TRACE");
  static const demo::Trace loaded = demo::read_trace(other ? other : CREST_TEST_TRACE);
  return loaded;
}

/// Rows of f16 as rows of T with their factors.
template <class T>
struct Rounded {
  std::vector<T> rows;
  std::vector<float> scales;

  Rounded(const std::vector<crest::f16>& from, Index dim) {
    const Index units = dim / crest::elements_in<T>, count = static_cast<Index>(from.size()) / dim;
    rows.resize(static_cast<std::size_t>(count * units)), scales.resize(static_cast<std::size_t>(count));
    std::vector<float> row(static_cast<std::size_t>(dim));
    for (Index j = 0; j < count; ++j) {
      for (Index x = 0; x < dim; ++x) row[x] = to_float(from[j * dim + x]);
      scales[j] = test::quantise(row.data(), dim, rows.data() + j * units);
    }
  }
};

double length(const std::vector<float>& x) {
  double sum = 0;
  for (float e : x) sum += double{e} * e;
  return std::sqrt(sum);
}
double relative(std::vector<float> is, const std::vector<float>& wanted) {
  for (std::size_t i = 0; i < is.size(); ++i) is[i] -= wanted[i];
  return length(is) / length(wanted);
}

/// Sums and extremes over rows.
struct Found {
  Index rows = 0;
  double error = 0, worst = 0, told = 0, ratio = 0, rounding = 0;

  void add(double is, double tells, double cache) {
    ++rows, error += is, told += tells, rounding += cache;
    worst = std::max(worst, is), ratio = std::max(ratio, is / (tells + 2e-6));
  }
};

/// One head at one query; T: of the cache.
template <class T>
std::vector<float> row_of(Problem<T> p, Index head, const auto& recipe, float* told) {
  const Index group = p.gqa_group(), kv = head / group;
  std::vector<float> o(static_cast<std::size_t>(p.value_dim()));
  p.q = {p.q.data_handle() + head * p.q.stride(0), {1, 1, p.head_dim()}};
  p.k = {p.k.data_handle() + kv * p.k.stride(0), {1, p.keys(), p.k.extent(2)}};
  p.v = {p.v.data_handle() + kv * p.v.stride(0), {1, p.v.extent(1), p.v.extent(2)}};
  const Index scales = kv * p.k_scales.stride(0);
  if (crest::is_scaled<T>) p.k_scales = {p.k_scales.data_handle() + scales, {1, p.keys()}};
  if (crest::is_scaled<T>) p.v_scales = {p.v_scales.data_handle() + scales, {1, p.keys()}};
  p.o = crest::TensorView<float, 3>(o.data(), {1, 1, p.value_dim()});
  p.error = {told, {1, 1}};
  test::compute(p, recipe);
  return o;
}

/// The problem of a query: it sees the keys up to its own place.
template <class T>
Problem<T> problem(const demo::Layer& layer, Index query, const T* k, const T* v) {
  const demo::Trace& t = trace();
  constexpr Index in = crest::elements_in<T>;
  const Index keys = t.positions[query] + 1, d = t.head_dim, e = t.value_dim;
  return {.q = {layer.q.data() + query * d, {t.heads, 1, d}, {t.queries() * d, d, 1}},
          .k = {k, {t.kv_heads, keys, d / in}, {t.keys * d / in, d / in, 1}},
          .v = {v, {t.kv_heads, keys, e / in}, {t.keys * e / in, e / in, 1}},
          .o = {},
          .scale = t.scale};
}

template <class T>
void add_layer(const demo::Layer& layer, Index every, Found& found) {
  const demo::Trace& t = trace();
  const Rounded<T> k(layer.k, t.head_dim), v(layer.v, t.value_dim);
  for (Index query = every - 1; query < t.queries(); query += every) {
    Problem<T> few = problem(layer, query, k.rows.data(), v.rows.data());
    if (crest::is_scaled<T>) few.k_scales = {k.scales.data(), {t.kv_heads, few.keys()}, {t.keys, 1}};
    if (crest::is_scaled<T>) few.v_scales = {v.scales.data(), {t.kv_heads, few.keys()}, {t.keys, 1}};
    const Problem<crest::f16> full = problem(layer, query, layer.k.data(), layer.v.data());
    for (Index h = 0; h < t.heads; ++h) {
      float told = 0, none = 0;
      const auto wanted = row_of(few, h, crest::exact, &none);
      const auto is = row_of(few, h, crest::integer, &told);
      found.add(relative(is, wanted), told, relative(wanted, row_of(full, h, crest::exact, &none)));
    }
  }
}

template <class T>
void expect_told(const char* name) {
  const bool other = std::getenv("CREST_TRACE") != nullptr;
  Found all;
  for (const demo::Layer& layer : trace().layers) add_layer<T>(layer, other ? 1 : 16, all);
  const double n = static_cast<double>(all.rows);
  if (other)
    std::printf(
        "%s: %g rows, error %.2g, worst %.2g, told %.2g, true by told at most %.2g; the cache's rounding %.2g\n", name,
        n, all.error / n, all.worst, all.told / n, all.ratio, all.rounding / n);
  EXPECT_GT(all.error, 1e-6 * n) << "nothing was rounded";
  EXPECT_LT(all.error, 2e-4 * n);
  EXPECT_LE(all.ratio, 4);
  EXPECT_GT(all.told, all.error);
  EXPECT_LT(all.told, 5 * all.error);
  EXPECT_GT(all.rounding, 30 * all.error);
}

TEST(IntegerTrace, BytesWithAFactorPerKey) { expect_told<crest::i8>("i8"); }
TEST(IntegerTrace, BlocksOfNibbles) { expect_told<crest::q4_0>("q4_0"); }

}  // namespace
