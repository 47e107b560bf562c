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
#include "support/prompt.hpp"
#include "support/user_variant.hpp"

namespace {

using crest::Index;
using crest::Problem;
using crest::Report;
using crest::Status;
using test::Cached;

/// Everything but the recipe of a call.
enum class Way { exact, clustered, guided, sparse };

/// Uses all keys, but looks first as `clustered` does; a budget as large as the cache.
using test::looking;
constexpr crest::Guided sampling = crest::guided.with({.budget = 0.9f});
/// Half of the keys, drawn; for prompts only.
constexpr crest::Sparse drawing = crest::sparse.with({.budget = 0.5f});

/// What a cell was found to be, "yes" or "no: FIELD".
using Cell = std::string;

Cell refusal(const Report& report) {
  const std::string text = crest::to_string(report.status);
  return "no: " + text.substr(0, text.find(':'));
}

/// Tries a problem on all backends; where keys are drawn, they must be, and rows say how far off they are. `plain` is
/// the same problem as the oracle can read it.
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
      if (way == Way::sparse) test::expect_drawn(p, report, 0.6);
      for (Index h = 0; h < p.heads(); ++h)
        for (Index i = 0; i < p.queries(); ++i) {
          const double told = p.error.data_handle() ? test::row_value(p.error, h, i) : 0.0;
          const oracle::Row& row = wanted[static_cast<std::size_t>(h * p.queries() + i)];
          EXPECT_LE(test::relative_l2(plain, h, i, row), 4 * told + tolerance) << "head " << h << ", query " << i;
        }
    };
    if (way == Way::exact) return with(crest::exact);
    if (way == Way::clustered) return with(looking);
    if (way == Way::sparse) return with(drawing);
    crest::KeySketch sketch(p.kv_heads(), p.head_dim());
    EXPECT_EQ(sketch.follow(p), Status::ok);
    p.sketch = &sketch;
    with(sampling);
    p.sketch = nullptr;
  });
  return cell;
}

constexpr test::Spec usual{
    .shape = {.heads = 6, .kv_heads = 2, .keys = 2000, .head_dim = 64, .value_dim = 64}, .spread = 2, .common = 1};

/// How many queries a prompt has, where keys are drawn for it; else as many as a feature needs.
constexpr Index prompt_queries = 40;
Index queries_of(Way way, Index few) { return way == Way::sparse ? prompt_queries : few; }

test::Spec sized(Way way, test::Spec spec = usual) {
  spec.shape.queries = queries_of(way, spec.shape.queries);
  return spec;
}

test::Case<float> make_case(Way way, const test::Spec& spec = usual) {
  test::Case<float> c(sized(way, spec));
  if (way == Way::sparse) test::make_neighbours(c.q, spec.seed);
  return c;
}

template <class T>
Cell try_cache(Way way, const test::Paging& paging = {}) {
  Cached<T> c(sized(way), paging);
  if (way == Way::sparse) test::make_neighbours(c.plain.q, usual.seed);
  return try_problem(way, c.problem, c.plain.problem, test::exact_tolerance);
}

template <class Half>
Cell try_rows(Way way, double tolerance) {
  test::Case<float> c = make_case(way);
  test::Tensor<Half> q({6, c.problem.queries(), 64}), o({6, c.problem.queries(), 64});
  q.fill([&](Index i, Index j, Index x) { return c.q.get(i, j, x); });
  c.problem.q = q.view(), c.problem.o = o.view();
  return try_problem(way, c.problem, c.problem, tolerance);
}

Cell try_logits(Way way, const std::function<void(Problem<float>&)>& change) {
  test::Case<float> c = make_case(way);
  change(c.problem);
  return try_problem(way, c.problem, c.problem, test::exact_tolerance);
}

Cell try_shape(Way way, const test::Spec& spec) {
  test::Case<float> c = make_case(way, spec);
  return try_problem(way, c.problem, c.problem, test::exact_tolerance);
}

template <class V, class Change>
Cell try_variant(Way way, V variant, Change change) {
  test::Case<float> c = make_case(way);
  return try_problem(
      way, c.problem, c.problem, test::exact_tolerance,
      [&](const auto& recipe) {
        return crest::Variant{recipe, variant};
      },
      change);
}

Cell try_transposed(Way way) {
  test::Case<float> c = make_case(way);
  c.problem.v = {c.v.data(), {2, 2000, 64}, {64 * 2000, 1, 2000}};
  crest::KeySketch sketch(2, 64);
  EXPECT_EQ(sketch.append(c.problem.k), Status::ok);
  c.problem.sketch = &sketch;
  return refusal(way == Way::exact       ? crest::attention(c.problem)
                 : way == Way::clustered ? crest::attention(c.problem, looking)
                 : way == Way::guided    ? crest::attention(c.problem, sampling)
                                         : crest::attention(c.problem, drawing));
}

/// fill(list, queries): what each of them sees.
Cell try_ranges(Way way, Index few, const std::function<void(crest::RangeList&, Index)>& fill) {
  test::Spec spec = usual;
  spec.shape.queries = few;
  test::Case<float> c = make_case(way, spec);
  crest::RangeList list;
  fill(list, c.problem.queries());
  list.show(c.problem);
  return try_problem(way, c.problem, c.problem, test::exact_tolerance);
}

Cell try_latent(Way way) {
  test::Case<float> c = make_case(
      way, {.shape = {.heads = 16, .kv_heads = 1, .keys = 1700, .head_dim = 576, .value_dim = 512}, .spread = 2});
  c.problem.v = {c.k.data(), {1, 1700, 512}, {576 * 1700, 576, 1}};
  return try_problem(way, c.problem, c.problem, test::exact_tolerance);
}

/// A prefix of 1700 keys and 300 more, against all 2000 in one problem. sparse draws from the prefix alone: the rest is
/// too short.
Cell try_cascade(Way way) {
  test::Case<float> c = make_case(way);
  const Index queries = c.problem.queries(), rows = 6 * queries;
  const auto wanted = oracle::solve(c.problem);
  const auto cut = [](const crest::TensorView<const float, 3>& t, Index from, Index count) {
    return crest::TensorView<const float, 3>(t.data_handle() + from * 64, {2, count, 64}, {t.stride(0), 64, 1});
  };
  std::vector<float> o(rows * 64), lse(rows);
  Problem<float> prefix = c.problem, rest = c.problem;
  prefix.k = cut(c.problem.k, 0, 1700), prefix.v = cut(c.problem.v, 0, 1700);
  prefix.o = {o.data(), {6, queries, 64}}, prefix.lse = {lse.data(), {6, queries}}, prefix.error = {};
  rest.k = cut(c.problem.k, 1700, 300), rest.v = cut(c.problem.v, 1700, 300);
  crest::KeySketch of_prefix(2, 64), of_rest(2, 64);
  EXPECT_EQ(of_prefix.follow(prefix), Status::ok);
  EXPECT_EQ(of_rest.follow(rest), Status::ok);
  prefix.sketch = &of_prefix, rest.sketch = &of_rest;
  const std::span<const Problem<float>> one(&rest, 1);
  const Report report = way == Way::exact       ? crest::cascade(prefix, one)
                        : way == Way::clustered ? crest::cascade(prefix, one, looking)
                        : way == Way::guided    ? crest::cascade(prefix, one, sampling)
                                                : crest::cascade(prefix, one, drawing);
  if (way == Way::sparse) {
    EXPECT_EQ(report.fallbacks, rows) << "of the rest, none of the prefix";
    EXPECT_GT(report.worst_error, 0);
    EXPECT_LE(report.worst_error, 0.5f);
  }
  for (Index r = 0; r < rows; ++r)
    EXPECT_LE(test::relative_l2(c.problem, r / queries, r % queries, wanted[static_cast<std::size_t>(r)]),
              test::exact_tolerance + 4 * report.worst_error);
  return report.ok() ? "yes" : refusal(report);
}

const std::vector<float> slopes{.001f, .002f, .003f, .004f, .005f, .006f}, sinks{0, 1, 2, 3, 4, -1};
const std::vector<float> biases(2000, 0.5f);
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
       [](Way w) {
         return try_logits(w, [](auto& p) { p.logits.bias = {biases.data(), {6, p.queries(), 2000}, {0, 0, 1}}; });
       }},
      {"variant, transform()", [](Way w) { return try_variant(w, test::Squeeze{}, squeezed); }},
      {"variant, mask()", [](Way w) { return try_variant(w, test::Alternate{3}, alternating); }},
      {"causal, window, sink tokens",
       [](Way w) { return try_logits(w, [](auto& p) { p.mask = {.causal = true, .window = 1700, .sinks = 4}; }); }},
      {"mask of bits (RangeList)",
       [](Way w) {
         return try_ranges(w, 1, [](auto& list, Index queries) {
           for (Index i = 0; i < queries; ++i) list.add_bits(bits.data(), 0, 2000);
         });
       }},
      {"tree of drafts (RangeList)",
       [](Way w) {
         return try_ranges(w, 3, [](auto& list, Index queries) {
           std::vector<Index> parents{-1, 0};
           while (std::ssize(parents) < queries) parents.push_back(std::ssize(parents) - 2);
           list.add_tree(2000 - queries, parents);
         });
       }},
      {"cross attention",
       [](Way w) {
         return try_shape(w, with({6, 2, 7, 1700, 32, 48}));
       }},
      {"several queries per sequence",
       [](Way w) {
         return try_shape(w, with({6, 2, 16, 1700, 32, 48}, {.causal = true}));
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
    ASSERT_EQ(row.size(), 5u);
    ++tried;
    EXPECT_EQ(row[1], feature->second(Way::exact)) << "exact";
    EXPECT_EQ(row[2], feature->second(Way::clustered)) << "clustered";
    EXPECT_EQ(row[3], feature->second(Way::guided)) << "guided";
    EXPECT_EQ(row[4], feature->second(Way::sparse)) << "sparse";
  }
  EXPECT_EQ(tried, features().size());
}

}  // namespace
