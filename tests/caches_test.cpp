// Caches of one element type (CREST_TEST_ELEMENT), plain and paged, against the oracle on the very numbers they hold.
#include <gtest/gtest.h>

#include "support/backends.hpp"
#include "support/cached.hpp"
#include "support/compare.hpp"
#include "support/feature_table.hpp"
#include "support/prompt.hpp"

namespace {

using crest::Index;
using crest::Report;
using crest::Status;
using test::Cached;
using test::for_each_backend;
using test::Paging;

using Element = CREST_TEST_ELEMENT;
constexpr Index in = crest::elements_in<Element>;

using test::looking;

/// Shapes that meet every path: vectors, pieces and lines whole and in part, groups of 1 to 5, splits.
test::Spec spec_of(Index run) {
  const Index dims[] = {32, 64, 96, 128, 160, 256}, groups[] = {1, 2, 3, 4, 5};
  return {.shape = {.heads = 2 * groups[run % 5],
                    .kv_heads = 2,
                    .queries = run % 3 + 1,
                    .keys = std::array<Index, 7>{1, 7, 8, 40, 130, 1000, 4500}[run % 7],
                    .head_dim = dims[run % 6],
                    .value_dim = dims[(run + run / 6) % 6]},
          .mask = run % 2 ? test::Mask{.causal = true} : test::Mask{.window = 300, .sinks = 5},
          .seed = static_cast<std::uint64_t>(run) + 1,
          .spread = 2};
}

/// The oracle works on floats that equal the cache's numbers; the last bit of scale * element may round.
constexpr double tolerance = test::exact_tolerance;

template <class R>
void expect_close(Cached<Element>& c, const R& recipe) {
  const auto wanted = oracle::solve(c.plain.problem);
  for_each_backend([&](crest::Backend backend) {
    c.plain.reset();
    const Report report = test::run(c.problem, recipe, backend);
    test::expect_close(c.plain.problem, wanted, tolerance);
    EXPECT_EQ(report.keys_visible, report.keys_used);
  });
}

TEST(Cache, ExactMatchesTheOracle) {
  for (Index run = 0; run < 42; ++run) {
    SCOPED_TRACE(run);
    Cached<Element> c(spec_of(run));
    expect_close(c, crest::exact);
  }
}

TEST(Cache, PromptsMatchTheOracle) {
  for (Index run = 0; run < 8; ++run) {
    SCOPED_TRACE(run);
    test::Spec spec = spec_of(run);
    spec.shape.queries = 50, spec.shape.keys = 150 + run;
    Cached<Element> flat(spec), paged(spec, {.page = std::array<Index, 4>{1, 8, 16, 60}[run % 4]});
    expect_close(flat, crest::exact), expect_close(paged, crest::exact);
  }
}

TEST(Cache, LookingMatchesTheOracle) {
  for (Index run = 0; run < 14; ++run) {
    SCOPED_TRACE(run);
    Cached<Element> c(spec_of(run));
    expect_close(c, looking);
  }
}

TEST(Cache, PagesOfAnySizeInAnyOrder) {
  Index run = 0;
  for (Index page : {1, 2, 7, 8, 15, 16, 24, 100, 256})
    for (bool heads_last : {false, true}) {
      SCOPED_TRACE(page);
      test::Spec spec = spec_of(run++);
      spec.shape.keys = 300 + run;
      Cached<Element> c(spec, {.page = page, .heads_last = heads_last});
      expect_close(c, crest::exact);
    }
}

TEST(Cache, PagesMayBeShared) {
  const test::Spec spec{.shape = {.heads = 4, .kv_heads = 2, .keys = 200, .head_dim = 64, .value_dim = 64}};
  Cached<Element> c(spec, {.page = 16, .shared = true});
  expect_close(c, crest::exact), expect_close(c, looking);
}

TEST(Cache, PagesChangeNoBit) {
  const test::Spec spec{
      .shape = {.heads = 8, .kv_heads = 2, .queries = 2, .keys = 5000, .head_dim = 64, .value_dim = 96}};
  Cached<Element> flat(spec), paged(spec, {.page = 16});
  for_each_backend([&](crest::Backend backend) {
    const Report a = test::run(flat.problem, crest::exact, backend),
                 b = test::run(paged.problem, crest::exact, backend);
    EXPECT_EQ(flat.plain.o.bytes(), paged.plain.o.bytes());
    EXPECT_EQ(a.bytes_read, b.bytes_read);
  });
}

TEST(Cache, BytesAreThoseOfItsElements) {
  const test::Spec spec{.shape = {.heads = 8, .kv_heads = 2, .keys = 3000, .head_dim = 64, .value_dim = 128}};
  Cached<Element> c(spec);
  const Report report = test::run(c.problem);
  const std::uint64_t row = 192 / in * sizeof(Element) + (crest::is_scaled<Element> ? 8 : 0);
  EXPECT_EQ(report.bytes_dense, 2 * 3000 * row);
  EXPECT_EQ(report.bytes_read, report.bytes_dense);
}

TEST(Cache, ABatchMixesPagedAndPlain) {
  const test::Spec spec{.shape = {.heads = 4, .kv_heads = 2, .keys = 300, .head_dim = 64, .value_dim = 64}};
  Cached<Element> flat(spec), paged(spec, {.page = 8});
  const std::array problems{flat.problem, paged.problem};
  EXPECT_TRUE(crest::attention(problems).ok());
  EXPECT_EQ(flat.plain.o.bytes(), paged.plain.o.bytes());
}

/// guided on a sketch that followed the cache in three steps.
void expect_guided(const Paging& paging, bool rows) {
  test::Spec spec = {
      .shape = {.heads = 6, .kv_heads = 2, .keys = 2600, .head_dim = 64, .value_dim = 64}, .spread = 2, .common = 1};
  Cached<Element> c(spec, paging);
  crest::KeySketch sketch(2, 64);
  auto part = c.problem;
  for (Index keys : {100, 1500, 2600}) {
    if (paging.page)
      part.pages.keys = keys;
    else
      part.k = {part.k.data_handle(), {2, keys, part.k.extent(2)}, {part.k.stride(0), part.k.stride(1), 1}},
      part.v = {part.v.data_handle(), {2, keys, part.v.extent(2)}, {part.v.stride(0), part.v.stride(1), 1}};
    if (!paging.page && crest::is_scaled<Element>)
      part.k_scales = {c.k_scales.data(), {2, keys}, {part.k_scales.stride(0), part.k_scales.stride(1)}},
      part.v_scales = {c.v_scales.data(), {2, keys}, {part.v_scales.stride(0), part.v_scales.stride(1)}};
    ASSERT_EQ(sketch.follow(part, rows), Status::ok);
    EXPECT_EQ(sketch.size(), keys);
  }
  c.problem.sketch = &sketch;
  const auto wanted = oracle::solve(c.plain.problem);
  const float dense = 128.0f / in * sizeof(Element), row = rows ? 128 : dense, sketch_bytes = 24;
  const float budget = std::min(0.95f, (sketch_bytes + 0.5f * row) / dense);
  for_each_backend([&](crest::Backend backend) {
    const Report report = test::run(c.problem, crest::guided.with({.budget = budget}), backend);
    EXPECT_LT(report.keys_used, report.keys_visible);
    for (Index h = 0; h < 6; ++h) {
      const double told = c.problem.error(h, 0), found = test::relative_l2(c.plain.problem, h, 0, wanted[h]);
      EXPECT_LE(found, 4 * told + tolerance);
      EXPECT_LE(told, 0.5);
    }
  });
}

TEST(Cache, GuidedFollowsIt) { expect_guided({}, false), expect_guided({}, true); }
TEST(Cache, GuidedFollowsItsPages) { expect_guided({.page = 16}, false), expect_guided({.page = 100}, true); }

/// sparse, with half of the keys drawn.
void expect_sparse(const Paging& paging) {
  const test::Spec spec{
      .shape = {.heads = 6, .kv_heads = 2, .queries = 40, .keys = 1600, .head_dim = 64, .value_dim = 64},
      .mask = {.causal = true},
      .common = 1};
  Cached<Element> c(spec, paging);
  test::make_neighbours(c.plain.q, spec.seed);
  const auto wanted = oracle::solve(c.plain.problem);
  for_each_backend([&](crest::Backend backend) {
    const Report report = test::run(c.problem, crest::sparse.with({.budget = 0.5f}), backend);
    test::expect_drawn(c.problem, report, 0.6);
    test::expect_told(c, wanted);
  });
}

TEST(Cache, SparseReadsIt) { expect_sparse({}); }
TEST(Cache, SparseReadsItsPages) { expect_sparse({.page = 16, .shared = true}), expect_sparse({.page = 100}); }

/// mixed, in software that does what tile registers would.
void expect_mixed(const Paging& paging) {
  const test::Spec spec{
      .shape = {.heads = 6, .kv_heads = 2, .queries = 40, .keys = 300, .head_dim = 64, .value_dim = 96},
      .mask = {.causal = true},
      .common = 1};
  Cached<Element> c(spec, paging);
  const auto wanted = oracle::solve(c.plain.problem);
  for_each_backend([&](crest::Backend backend) {
    const Report report = test::run(c.problem, crest::mixed.with({.emulate = true}), backend);
    EXPECT_LT(report.fallbacks, report.rows / 10);
    EXPECT_LE(test::expect_told(c, wanted), 0.005);
  });
}

TEST(Cache, MixedReadsIt) { expect_mixed({}); }
TEST(Cache, MixedReadsItsPages) { expect_mixed({.page = 16, .shared = true}), expect_mixed({.page = 100}); }

/// What the tests above prove is what docs/features.md says.
TEST(Cache, IsInTheTableOfFeatures) {
  const std::string name = std::is_same_v<Element, crest::q8_0>   ? "q8_0"
                           : std::is_same_v<Element, crest::q4_0> ? "q4_0"
                           : std::is_same_v<Element, crest::i8>   ? "i8"
                           : crest::is_float_element<Element>     ? "f16"
                                                                  : "i4x32";
  int found = 0;
  for (const auto& row : test::feature_rows()) {
    if (!row[0].starts_with("cache of ") || row[0].find(name) == std::string::npos) continue;
    ++found;
    EXPECT_EQ(row.size(), 5u);
    for (std::size_t cell = 1; cell < row.size(); ++cell) EXPECT_EQ(row[cell], "yes");
  }
  EXPECT_EQ(found, 1);
}

TEST(Cache, GuidedNoticesARewrittenRow) {
  test::Spec spec = {.shape = {.heads = 2, .kv_heads = 1, .keys = 2600, .head_dim = 64, .value_dim = 64}, .common = 1};
  Cached<Element> c(spec, {.page = 16});
  crest::KeySketch sketch(1, 64);
  ASSERT_EQ(sketch.follow(c.problem), Status::ok);
  c.problem.sketch = &sketch;
  auto* newest = reinterpret_cast<std::byte*>(c.k.data() + (c.pages[2599 / 16] * 16 + 2599 % 16) * (64 / in));
  *newest ^= std::byte{1};
  EXPECT_EQ(test::run(c.problem, crest::guided).fallbacks, 2);
}

TEST(Cache, RefusesWhatDoesNotFit) {
  const test::Spec spec{.shape = {.heads = 4, .kv_heads = 2, .keys = 200, .head_dim = 64, .value_dim = 64}};
  const auto refused = [&](const Paging& paging, auto&& breaks) {
    Cached<Element> c(spec, paging);
    breaks(c);
    const Status status = crest::attention(c.problem).status;
    EXPECT_TRUE(c.plain.untouched());
    return status;
  };
  const float some[1] = {};
  EXPECT_EQ(refused({},
                    [&](auto& c) {
                      c.problem.k_scales = {crest::is_scaled<Element> ? nullptr : some, {2, 200}};
                    }),
            Status::k_scales);
  EXPECT_EQ(refused({}, [&](auto& c) { c.problem.v_scales = {some, {2, 199}}; }), Status::v_scales);
  EXPECT_EQ(refused({.page = 16}, [](auto& c) { c.pages[5] = static_cast<std::int32_t>(c.problem.pages.pool); }),
            Status::pages_range);
  EXPECT_EQ(refused({.page = 16}, [](auto& c) { c.pages[12] = -1; }), Status::pages_range);
  EXPECT_EQ(refused({.page = 16}, [](auto& c) { c.problem.pages.keys = 209; }), Status::pages_size);
  EXPECT_EQ(refused({.page = 16}, [](auto& c) { c.problem.pages.keys = -1; }), Status::pages_size);
}

}  // namespace
