// The table of docs/features.md (its path is CREST_FEATURES), cell by cell: "yes" must agree with double, "no: FIELD"
// must be a Status that names the field.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "crest/crest.hpp"
#include "support/backends.hpp"
#include "support/cached.hpp"
#include "support/compare.hpp"
#include "support/feature_table.hpp"
#include "support/user_variant.hpp"

namespace {

using crest::Index;
using crest::Problem;
using crest::Report;
using crest::Status;
using test::Cached;

/// Everything but the recipe of a call.
enum class Way { exact, clustered, guided };

/// Uses all keys, but looks first as `clustered` does; a budget as large as the cache.
constexpr crest::Recipe looking{crest::Stride{1}, crest::Stay{}, crest::Margin{}, crest::Plateau{1000}};
constexpr crest::Guided sampling = crest::guided.with({.budget = 0.9f});

/// What a cell was found to be, "yes" or "no: FIELD".
using Cell = std::string;

Cell refusal(const Report& report) {
  const std::string text = crest::to_string(report.status);
  return "no: " + text.substr(0, text.find(':'));
}

/// Tries a problem on all backends. `plain` is the same problem as the oracle can read it.
template <class T, class U, class Transform = std::identity, class Change = oracle::Unchanged>
Cell try_problem(Way way, Problem<T> p, const Problem<U>& plain, double tolerance, Transform variant = {},
                 Change change = {}) {
  const auto wanted = oracle::solve(plain, change);
  Cell cell;
  test::for_each_backend([&](crest::Backend backend) {
    const auto with = [&](const auto& recipe) {
      const Report report = crest::attention(p, variant(recipe), crest::this_thread_serial(), backend);
      cell = report.ok() ? "yes" : refusal(report);
      if (!report.ok()) return;
      for (Index h = 0; h < p.heads(); ++h)
        for (Index i = 0; i < p.queries(); ++i) {
          const double told = p.error.data_handle() ? test::row_value(p.error, h, i) : 0.0;
          const oracle::Row& row = wanted[static_cast<std::size_t>(h * p.queries() + i)];
          EXPECT_LE(test::relative_l2(plain, h, i, row), 4 * told + tolerance) << "head " << h << ", query " << i;
        }
    };
    if (way == Way::exact) return with(crest::exact);
    if (way == Way::clustered) return with(looking);
    crest::KeySketch sketch(p.kv_heads(), p.head_dim());
    EXPECT_EQ(sketch.follow(p), Status::ok);
    p.sketch = &sketch;
    with(sampling);
    p.sketch = nullptr;
  });
  return cell;
}

constexpr test::Spec usual{
    .shape = {.heads = 6, .kv_heads = 2, .keys = 1600, .head_dim = 64, .value_dim = 64}, .spread = 2, .common = 1};

template <class T>
Cell try_cache(Way way, const test::Paging& paging = {}, const test::Spec& spec = usual) {
  Cached<T> c(spec, paging);
  return try_problem(way, c.problem, c.plain.problem, test::exact_tolerance);
}

template <class Half>
Cell try_rows(Way way, double tolerance) {
  test::Case<float> c(usual);
  test::Tensor<Half> q({6, 1, 64}), o({6, 1, 64});
  q.fill([&](Index i, Index j, Index x) { return c.q.get(i, j, x); });
  c.problem.q = q.view(), c.problem.o = o.view();
  return try_problem(way, c.problem, c.problem, tolerance);
}

Cell try_logits(Way way, const std::function<void(Problem<float>&)>& change) {
  test::Case<float> c(usual);
  change(c.problem);
  return try_problem(way, c.problem, c.problem, test::exact_tolerance);
}

Cell try_shape(Way way, const test::Spec& spec) {
  test::Case<float> c(spec);
  return try_problem(way, c.problem, c.problem, test::exact_tolerance);
}

template <class V, class Change>
Cell try_variant(Way way, V variant, Change change) {
  test::Case<float> c(usual);
  return try_problem(
      way, c.problem, c.problem, test::exact_tolerance,
      [&](const auto& recipe) {
        return crest::Variant{recipe, variant};
      },
      change);
}

Cell try_transposed(Way way) {
  test::Case<float> c(usual);
  c.problem.v = {c.v.data(), {2, 1600, 64}, {64 * 1600, 1, 1600}};
  crest::KeySketch sketch(2, 64);
  EXPECT_EQ(sketch.append(c.problem.k), Status::ok);
  c.problem.sketch = &sketch;
  return refusal(way == Way::exact       ? crest::attention(c.problem)
                 : way == Way::clustered ? crest::attention(c.problem, looking)
                                         : crest::attention(c.problem, sampling));
}

Cell try_ranges(Way way, Index queries, const std::function<void(crest::RangeList&)>& fill) {
  test::Spec spec = usual;
  spec.shape.queries = queries;
  test::Case<float> c(spec);
  crest::RangeList list;
  fill(list);
  list.show(c.problem);
  return try_problem(way, c.problem, c.problem, test::exact_tolerance);
}

Cell try_latent(Way way) {
  test::Case<float> c(
      {.shape = {.heads = 16, .kv_heads = 1, .keys = 1200, .head_dim = 576, .value_dim = 512}, .spread = 2});
  c.problem.v = {c.k.data(), {1, 1200, 512}, {576 * 1200, 576, 1}};
  return try_problem(way, c.problem, c.problem, test::exact_tolerance);
}

/// A prefix of 1000 keys and 600 more, against all 1600 in one problem.
Cell try_cascade(Way way) {
  test::Case<float> c(usual);
  const auto wanted = oracle::solve(c.problem);
  const auto cut = [](const crest::TensorView<const float, 3>& t, Index from, Index count) {
    return crest::TensorView<const float, 3>(t.data_handle() + from * 64, {2, count, 64}, {t.stride(0), 64, 1});
  };
  std::vector<float> o(6 * 64), lse(6);
  Problem<float> prefix = c.problem, rest = c.problem;
  prefix.k = cut(c.problem.k, 0, 1000), prefix.v = cut(c.problem.v, 0, 1000);
  prefix.o = {o.data(), {6, 1, 64}}, prefix.lse = {lse.data(), {6, 1}}, prefix.error = {};
  rest.k = cut(c.problem.k, 1000, 600), rest.v = cut(c.problem.v, 1000, 600);
  crest::KeySketch of_prefix(2, 64), of_rest(2, 64);
  EXPECT_EQ(of_prefix.follow(prefix), Status::ok);
  EXPECT_EQ(of_rest.follow(rest), Status::ok);
  prefix.sketch = &of_prefix, rest.sketch = &of_rest;
  const std::span<const Problem<float>> one(&rest, 1);
  const Report report = way == Way::exact       ? crest::cascade(prefix, one)
                        : way == Way::clustered ? crest::cascade(prefix, one, looking)
                                                : crest::cascade(prefix, one, sampling);
  for (Index h = 0; h < 6; ++h)
    EXPECT_LE(test::relative_l2(c.problem, h, 0, wanted[static_cast<std::size_t>(h)]),
              test::exact_tolerance + 4 * report.worst_error);
  return report.ok() ? "yes" : refusal(report);
}

const std::vector<float> slopes{.001f, .002f, .003f, .004f, .005f, .006f}, sinks{0, 1, 2, 3, 4, -1};
const std::vector<float> biases(1600, 0.5f);
const std::vector<std::uint8_t> bits = [] {
  std::vector<std::uint8_t> b(200);
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<std::uint8_t>(i * 37 | 129);
  return b;
}();

double squeezed(double s, Index, Index, Index) { return s / (1 + std::abs(s)); }
double alternating(double s, Index head, Index query, Index key) {
  return (key + head + query) % 3 == 0 ? -std::numeric_limits<double>::infinity() : s;
}

test::Spec with(const test::Shape& shape, const test::Mask& mask = {}) {
  test::Spec spec = usual;
  spec.shape = shape, spec.mask = mask;
  return spec;
}

const std::map<std::string, std::function<Cell(Way)>>& features() {
  static const std::map<std::string, std::function<Cell(Way)>> all = {
      {"cache of f32, f16, bf16",
       [](Way w) {
         const Cell full = try_shape(w, usual), half = try_cache<crest::f16>(w);
         return full == half ? half : "they differ";  // bf16: attention_test, looking_test, guided_test
       }},
      {"paged cache, shared pages", [](Way w) { return try_cache<crest::f16>(w, {.page = 16, .shared = true}); }},
      {"token-major and head-major strides",
       [](Way w) {
         const Cell tokens = try_cache<crest::f16>(w), heads = try_cache<crest::f16>(w, {.heads_last = false});
         return tokens == heads ? heads : "they differ";
       }},
      {"transposed values", try_transposed},
      {"f16 queries and outputs", [](Way w) { return try_rows<crest::f16>(w, 1e-3); }},
      {"bf16 queries and outputs", [](Way w) { return try_rows<crest::bf16>(w, 8e-3); }},
      {"logits.softcap", [](Way w) { return try_logits(w, [](auto& p) { p.logits.softcap = 5; }); }},
      {"logits.slopes (ALiBi)", [](Way w) { return try_logits(w, [](auto& p) { p.logits.slopes = slopes; }); }},
      {"logits.sinks (sink logits)", [](Way w) { return try_logits(w, [](auto& p) { p.logits.sinks = sinks; }); }},
      {"logits.bias",
       [](Way w) { return try_logits(w, [](auto& p) {
                     p.logits.bias = {biases.data(), {6, 1, 1600}, {0, 0, 1}};
                   }); }},
      {"variant, transform()", [](Way w) { return try_variant(w, test::Squeeze{}, squeezed); }},
      {"variant, mask()", [](Way w) { return try_variant(w, test::Alternate{3}, alternating); }},
      {"causal, window, sink tokens",
       [](Way w) { return try_logits(w, [](auto& p) { p.mask = {.causal = true, .window = 1300, .sinks = 4}; }); }},
      {"mask of bits (RangeList)",
       [](Way w) { return try_ranges(w, 1, [](auto& list) { list.add_bits(bits.data(), 0, 1600); }); }},
      {"tree of drafts (RangeList)",
       [](Way w) { return try_ranges(w, 3, [](auto& list) {
                     list.add_tree(1597, std::array<Index, 3>{-1, 0, 0});
                   }); }},
      {"cross attention",
       [](Way w) {
         return try_shape(w, with({6, 2, 7, 1300, 32, 48}));
       }},
      {"several queries per sequence",
       [](Way w) {
         return try_shape(w, with({6, 2, 16, 1300, 32, 48}, {.causal = true}));
       }},
      {"latent attention (MLA)", try_latent},
      {"common prefix (cascade)", try_cascade}};
  return all;
}

TEST(Features, TheTableSaysWhatTheCodeDoes) {
  std::size_t tried = 0;
  for (const auto& row : test::feature_rows()) {
    SCOPED_TRACE(row[0]);
    const auto feature = features().find(row[0]);
    if (feature == features().end() && row[0].starts_with("cache of ")) continue;  // caches_test
    ASSERT_NE(feature, features().end()) << "no test for this row";
    ++tried;
    EXPECT_EQ(row[1], feature->second(Way::exact)) << "exact";
    EXPECT_EQ(row[2], feature->second(Way::clustered)) << "clustered";
    EXPECT_EQ(row[3], feature->second(Way::guided)) << "guided";
  }
  EXPECT_EQ(tried, features().size());
}

}  // namespace
