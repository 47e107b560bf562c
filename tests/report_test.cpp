// What a Report says, proved from outside: planted NaN, unreadable pages, counts by the oracle's masks.
#include <gtest/gtest.h>

#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/clustered_reference.hpp"
#include "support/compare.hpp"
#include "support/guard_pages.hpp"

namespace {

using crest::f16;
using crest::Index;
using crest::Report;
using test::Case;
using test::Data;

constexpr crest::Clustered sparse{crest::Stride{20},
                                  crest::Window{.reach = 6, .peaks = 2},
                                  crest::Margin{},
                                  crest::Plateau{3},
                                  {.keep_first = 2, .keep_last = 5}};
constexpr test::Spec one_group{.shape = {.heads = 3, .kv_heads = 1, .keys = 500}, .data = Data::smooth};

/// Visible keys summed over rows, and the K and V bytes of keys that any query sees.
struct Counts {
  Index visible = 0;
  std::uint64_t dense = 0;
};

template <class T>
Counts counted(const crest::Problem<T>& p) {
  Counts c;
  for (Index j = 0; j < p.keys(); ++j) {
    Index seen = 0;
    for (Index i = 0; i < p.queries(); ++i) seen += oracle::sees(p, i, j);
    c.visible += p.heads() * seen;
    c.dense += seen > 0 ? p.kv_heads() * (p.head_dim() + p.value_dim()) * sizeof(T) : 0;
  }
  return c;
}

template <class T>
Report expect_exact_counts(const Case<T>& c) {
  const Counts counts = counted(c.problem);
  const Report report = test::run(c.problem);
  EXPECT_EQ(report.rows, c.problem.heads() * c.problem.queries());
  EXPECT_EQ(report.keys_visible, counts.visible);
  EXPECT_EQ(report.keys_scored, counts.visible);
  EXPECT_EQ(report.keys_used, counts.visible);
  EXPECT_EQ(report.bytes_dense, counts.dense);
  EXPECT_EQ(report.keys_sampled, 0);
  EXPECT_EQ(report.worst_error, 0);
  EXPECT_EQ(report.missed_mass, 0);
  EXPECT_EQ(report.fallbacks, 0);
  return report;
}

TEST(Counts, ExactDecodeReadsEveryByteOnce) {
  for (Index keys : {0, 1, 100, 1025, 9000})
    for (crest::Mask mask : {crest::Mask{}, {.causal = true, .window = 70, .sinks = 5}}) {
      const Case<float> wide({.shape = {.keys = keys, .head_dim = 33, .value_dim = 7}, .mask = mask});
      const Case<f16> half({.shape = {.heads = 7, .kv_heads = 1, .keys = keys}, .mask = mask});
      EXPECT_EQ(expect_exact_counts(wide).bytes_read, counted(wide.problem).dense);
      EXPECT_EQ(expect_exact_counts(half).bytes_read, counted(half.problem).dense);
    }
}

/// A tile of about 32 rows shares each load: with a group of 2, at least 16 queries do.
TEST(Counts, QueriesOfATileShareEachLoad) {
  for (crest::Mask mask : {crest::Mask{}, {.causal = true}, {.causal = true, .window = 30, .sinks = 2}})
    for (Index queries : {2, 16, 40}) {
      const Case<float> c({.shape = {.queries = queries, .keys = 1500}, .mask = mask});
      const Report report = expect_exact_counts(c);
      EXPECT_GE(report.bytes_read, report.bytes_dense);
      EXPECT_LE(report.bytes_read, report.bytes_dense * ((queries + 15) / 16));
    }
}

TEST(Counts, RangesWithHoles) {
  Case<float> c({.shape = {.queries = 3, .keys = 1200}});
  c.see({{{0, 4}, {4, 9}, {1000, 1200}}, {}, {{8, 12}, {500, 501}}});
  const Report report = expect_exact_counts(c);
  EXPECT_EQ(report.bytes_read, report.bytes_dense);
}

/// Plants NaN in one row of K or V and tells whether it showed in the output.
template <class Recipe>
bool shows(Case<float>& c, test::Tensor<float>& in, Index key, const Recipe& recipe) {
  const float before = in.get(0, key, 1);
  in.set(0, key, 1, NAN);
  test::compute(c.problem, recipe);
  in.set(0, key, 1, before);
  double sum = 0;
  for (Index h = 0; h < c.problem.heads(); ++h)
    for (Index x = 0; x < c.problem.value_dim(); ++x) sum += c.problem.o(h, 0, x);
  return std::isnan(sum);
}

TEST(Planted, KeptValuesShowAndOthersDoNot) {
  Case<float> c(one_group);
  const reference::Look look = reference::clustered(c.problem, sparse, 0, 0);
  const Report report = test::run(c.problem, sparse);
  EXPECT_EQ(report.keys_used, 3 * static_cast<Index>(look.kept.size()));
  ASSERT_LT(look.kept.size(), 200u);
  for (Index key = 0; key < 500; ++key) EXPECT_EQ(shows(c, c.v, key, sparse), look.kept.contains(key)) << key;
}

TEST(Planted, ScoredKeysShowAndOthersDoNot) {
  Case<float> c(one_group);
  const reference::Look look = reference::clustered(c.problem, sparse, 0, 0);
  ASSERT_LT(look.scored.size(), 200u);
  for (Index key = 0; key < 500; ++key) EXPECT_EQ(shows(c, c.k, key, sparse), look.scored.contains(key)) << key;
}

TEST(Planted, EveryVisibleRowShowsInExact) {
  Case<float> c(one_group);
  c.problem.mask = {.window = 300, .sinks = 10};
  for (Index key = 0; key < 500; ++key) {
    EXPECT_EQ(shows(c, c.v, key, crest::exact), oracle::sees(c.problem, 0, key)) << key;
    EXPECT_EQ(shows(c, c.k, key, crest::exact), oracle::sees(c.problem, 0, key)) << key;
  }
}

/// K and V with one row per page; pages of rows in neither set are unreadable.
template <class T>
struct Paged {
  test::PagedRows<T> k, v;

  explicit Paged(const Case<T>& c)
      : k(c.problem.keys(), c.problem.head_dim()), v(c.problem.keys(), c.problem.value_dim()) {
    k.copy(c.k), v.copy(c.v);
  }
  void allow_only(const reference::Keys& of_k, const reference::Keys& of_v, Index keys) {
    for (Index j = 0; j < keys; ++j) {
      if (!of_k.contains(j)) k.forbid(j);
      if (!of_v.contains(j)) v.forbid(j);
    }
  }
};

/// Would end the program if a kernel read, rather than only prefetched, a byte of any other row.
TEST(Unreadable, ClusteredReadsOnlyWhatItSays) {
  test::for_each_backend([](crest::Backend backend) {
    Case<float> c(
        {.shape = {.heads = 3, .kv_heads = 1, .keys = 500, .head_dim = 23, .value_dim = 9}, .data = Data::smooth});
    const reference::Look look = reference::clustered(c.problem, sparse, 0, 0);
    Paged<float> paged(c);
    test::compute(c.problem, sparse, backend);
    const auto before = c.o.bytes();
    paged.allow_only(look.scored, look.kept, 500);
    c.problem.k = paged.k.view(), c.problem.v = paged.v.view();
    c.reset();
    test::compute(c.problem, sparse, backend);
    EXPECT_EQ(c.o.bytes(), before);
  });
}

template <class T>
void expect_exact_reads_only_visible_rows(Index head_dim, Index value_dim) {
  test::for_each_backend([&](crest::Backend backend) {
    Case<T> c(
        {.shape = {.heads = 4, .kv_heads = 1, .queries = 2, .keys = 200, .head_dim = head_dim, .value_dim = value_dim},
         .mask = {.causal = true, .window = 50, .sinks = 3}});
    const std::vector<oracle::Row> wanted = oracle::solve(c.problem);
    reference::Keys seen;
    for (Index i : {0, 1})
      for (Index key : oracle::attend(c.problem, 0, i).keys) seen.insert(key);
    Paged<T> paged(c);
    paged.allow_only(seen, seen, 200);
    c.problem.k = paged.k.view(), c.problem.v = paged.v.view();
    test::compute(c.problem, crest::exact, backend);
    test::expect_close(c.problem, wanted);
  });
}

/// Rows end where their page ends, so a load past head_dim or value_dim would end the program too.
TEST(Unreadable, ExactReadsOnlyVisibleRowsAndNothingBehindThem) {
  for (Index dim : {1, 5, 8, 16, 31, 64}) {
    expect_exact_reads_only_visible_rows<float>(dim, 65 - dim);
    expect_exact_reads_only_visible_rows<f16>(dim, 65 - dim);
    expect_exact_reads_only_visible_rows<crest::bf16>(dim, 65 - dim);
  }
}

}  // namespace
