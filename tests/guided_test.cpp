// guided, for one element type of the cache (CREST_TEST_ELEMENT): right within what it tells, the same bits from
// everyone, within its budget, and blind to what it must not see.
#include <gtest/gtest.h>

#include "crest/executors.hpp"
#include "support/sketched.hpp"

namespace {

using Element = CREST_TEST_ELEMENT;
using crest::guided;
using crest::Index;
using crest::KeySketch;
using crest::Report;
using test::Spec;
using test::typical;
using test::typical_with;
using Sketched = test::Sketched<Element>;

/// Head dims with and without padding, groups that fill head tiles and that do not.
constexpr test::Shape shapes[] = {{.heads = 1, .kv_heads = 1, .keys = 1900, .head_dim = 7, .value_dim = 17},
                                  {.heads = 4, .kv_heads = 2, .keys = 1600, .head_dim = 33, .value_dim = 64},
                                  {.heads = 3, .kv_heads = 1, .keys = 1600, .head_dim = 64, .value_dim = 1},
                                  {.heads = 8, .kv_heads = 2, .keys = 1900, .head_dim = 80, .value_dim = 80},
                                  {.heads = 5, .kv_heads = 1, .keys = 2049, .head_dim = 96, .value_dim = 31},
                                  {.heads = 7, .kv_heads = 1, .keys = 1900, .head_dim = 128, .value_dim = 128},
                                  {.heads = 9, .kv_heads = 1, .keys = 1700, .head_dim = 256, .value_dim = 100}};

TEST(Guided, TellsHowFarOffItIs) {
  Index rows_in_all = 0, exact_rows = 0;
  for (const test::Shape& shape : shapes)
    for (int bits : {1, 2, 4})
      for (bool rows : {false, true}) {
        SCOPED_TRACE("head_dim " + std::to_string(shape.head_dim) + ", bits " + std::to_string(bits) +
                     (rows ? ", rows" : ""));
        Sketched s(typical_with(shape), rows, {.bits = bits});
        const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
        test::for_each_backend([&](crest::Backend backend) {
          s.c.reset();
          const Report report = test::run(s.problem, guided.with({.budget = 0.3f}), backend);
          test::expect_told(s.problem, wanted);
          rows_in_all += report.rows, exact_rows += report.fallbacks;
        });
      }
  EXPECT_LE(exact_rows, rows_in_all / 8) << "few sketches may leave too few bytes for rows";
}

/// All keys are certain: what remains is the rounding of 8-bit rows, and that is what is told.
TEST(Guided, WithAllRowsOnlyRoundingIsLeft) {
  Sketched s(typical, true);
  const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
  const Report report = test::run(s.problem, guided.with({.budget = 1}));
  EXPECT_EQ(report.keys_used, report.keys_visible);
  EXPECT_LE(report.worst_error, 0.01);
  test::expect_told(s.problem, wanted, 2);
  for (Index h = 0; h < 6; ++h) {
    EXPECT_GE(test::head_error(s.problem, h, 0, wanted[h].o), 0.3 * s.problem.error(h, 0));
    EXPECT_LE(test::lse_distance(s.problem.lse(h, 0), wanted[h].lse), 1e-3);
  }
}

TEST(Guided, MoreBudgetIsLessError) {
  for (bool rows : {false, true}) {
    Sketched s(typical, rows);
    float before = 1;
    for (float budget : {0.12f, 0.25f, 0.5f, 0.9f}) {
      if (rows && budget > 0.5f) break;  // every 8-bit row is read by then: what is left is their rounding
      const float worst = test::run(s.problem, guided.with({.budget = budget})).worst_error;
      EXPECT_LT(worst, 0.8 * before);
      before = worst;
    }
  }
}

/// Weights cancel in the ratio: equal values come out as they are whatever was drawn. 8-bit rows round them.
TEST(Guided, EqualValuesComeOutAsTheyAre) {
  for (bool rows : {false, true}) {
    Sketched s(typical, rows);
    s.c.v.fill([](Index, Index, Index x) { return x % 2 ? -1.0f : 0.5f; });
    s.rebuild(rows);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      test::compute(s.problem, guided.with({.seed = seed}));
      for (Index h = 0; h < 6; ++h)
        for (Index x = 0; x < 48; ++x) EXPECT_NEAR(s.problem.o(h, 0, x), x % 2 ? -1.0 : 0.5, rows ? 0.01 : 1e-5);
    }
  }
}

/// Bytes of all outputs.
std::vector<unsigned char> outputs(test::Case<Element>& c) {
  std::vector<unsigned char> all;
  for (const auto* t : {&c.o, &c.lse, &c.error}) all.insert(all.end(), t->bytes().begin(), t->bytes().end());
  return all;
}

template <class E = crest::Serial&>
std::vector<unsigned char> outputs_of(Sketched& s, const crest::Guided& recipe = guided,
                                      E&& executor = crest::this_thread_serial()) {
  s.c.reset();
  EXPECT_TRUE(crest::attention(s.problem, recipe, executor).ok());
  return outputs(s.c);
}

/// Every call verifies other rows, which must not show.
TEST(SameBits, FromEveryCall) {
  for (bool rows : {false, true}) {
    Sketched s(typical, rows);
    const auto first = outputs_of(s);
    for (int call = 0; call < 300; ++call) ASSERT_EQ(outputs_of(s), first) << call;
  }
}

TEST(SameBits, OtherSeedsDrawOtherKeys) {
  for (bool rows : {false, true}) {
    Sketched s(typical, rows);
    const auto first = outputs_of(s);
    for (std::uint64_t seed : {1, 2, 3, 1000}) EXPECT_NE(outputs_of(s, guided.with({.seed = seed})), first);
    EXPECT_EQ(outputs_of(s, guided.with({.seed = 0})), first);
  }
}

/// A ragged batch with masks and several queries; some rows see too little and are done exactly.
struct Batch {
  std::vector<std::unique_ptr<Sketched>> members;
  std::vector<crest::Problem<Element>> problems;

  Batch() {
    for (Index keys : {2500, 0, 33, 4096, 1700}) {
      Spec spec = typical_with({.heads = 6, .kv_heads = 2, .queries = 1 + keys % 7, .keys = keys});
      spec.mask = {.causal = keys % 2 == 0, .window = keys > 4000 ? 3000 : 0};
      members.push_back(std::make_unique<Sketched>(spec, keys > 2000));
      problems.push_back(members.back()->problem);
    }
  }
  std::vector<std::vector<unsigned char>> bytes() {
    std::vector<std::vector<unsigned char>> all;
    for (auto& member : members) all.push_back(outputs(member->c));
    return all;
  }
};

template <class E>
void expect_same_bits(E&& executor) {
  Batch alone, together;
  Report sum;
  for (const auto& problem : alone.problems) {
    const Report report = crest::attention(problem, guided);
    sum.keys_used += report.keys_used, sum.bytes_read += report.bytes_read, sum.fallbacks += report.fallbacks;
  }
  const Report report = crest::attention(together.problems, guided, executor);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(together.bytes(), alone.bytes());
  EXPECT_EQ(report.keys_used, sum.keys_used);
  EXPECT_EQ(report.bytes_read, sum.bytes_read);
  EXPECT_EQ(report.fallbacks, sum.fallbacks);
  EXPECT_GT(report.rows, report.fallbacks);
}

TEST(SameBits, FromBatchesAndAnyNumberOfThreads) {
  expect_same_bits(crest::Serial());
  for (int threads : {1, 2, 3}) expect_same_bits(crest::Pool(threads));
}

#if defined(_OPENMP)
TEST(SameBits, FromOpenMP) {
  for (int threads : {1, 2, 3}) expect_same_bits(crest::OpenMP(threads));
}
#endif

TEST(Backends, AgreeWithinWhatTheyTell) {
  for (bool rows : {false, true}) {
    Sketched s(typical, rows);
    const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
    const Report best = test::run(s.problem, guided);
    test::for_each_backend([&](crest::Backend backend) {
      const Report report = test::run(s.problem, guided, backend);
      test::expect_told(s.problem, wanted);
      EXPECT_NEAR(static_cast<double>(report.keys_used), static_cast<double>(best.keys_used), 0.01 * best.keys_used);
      EXPECT_NEAR(report.worst_error, best.worst_error, 0.15 * best.worst_error);
    });
  }
}

/// Bytes that one KV head's codes and the rows of its used keys take at least. Rows are whole lines here.
std::uint64_t least_bytes(const Sketched& s, const Report& r, bool rows) {
  const crest::SketchView v = s.sketch.view(0);
  const auto row =
      static_cast<std::size_t>(s.problem.head_dim() + s.problem.value_dim()) * (rows ? 1 : sizeof(Element));
  const auto codes = static_cast<std::size_t>(v.keys / v.block_keys * (v.block_bytes() + v.head_bytes()));
  return static_cast<std::size_t>(s.problem.kv_heads()) * codes +
         static_cast<std::size_t>(r.keys_used / s.problem.gqa_group()) * row;
}

void expect_budget_kept(const test::Shape& shape, bool rows, float budget) {
  Sketched s(typical_with(shape), rows);
  const Report r = test::run(s.problem, guided.with({.budget = budget}));
  const double dense = static_cast<double>(r.bytes_dense);
  EXPECT_EQ(r.fallbacks, 0);
  EXPECT_EQ(
      r.bytes_dense,
      static_cast<std::uint64_t>(shape.kv_heads * shape.keys * (shape.head_dim + shape.value_dim)) * sizeof(Element));
  EXPECT_LE(static_cast<double>(r.bytes_read), 1.03 * budget * dense);
  EXPECT_TRUE(static_cast<double>(r.bytes_read) >= 0.95 * budget * dense || r.keys_used == r.keys_visible);
  EXPECT_GE(r.bytes_read, least_bytes(s, r, rows));
  EXPECT_EQ(r.rows, shape.heads);
  EXPECT_EQ(r.keys_visible, shape.heads * shape.keys);
  EXPECT_LE(r.keys_sampled, r.keys_visible);
  EXPECT_EQ(r.keys_scored, r.keys_used);
}

TEST(Budget, IsKept) {
  for (bool rows : {false, true})
    for (float budget : {0.15f, 0.3f, 0.6f})
      for (const test::Shape& shape :
           {test::Shape{.heads = 6, .kv_heads = 2, .keys = 4000, .head_dim = 64, .value_dim = 64},
            {.heads = 4, .kv_heads = 1, .keys = 4100, .head_dim = 128, .value_dim = 128},
            {.heads = 2, .kv_heads = 2, .keys = 3333, .head_dim = 96, .value_dim = 32}}) {
        SCOPED_TRACE("head_dim " + std::to_string(shape.head_dim) + ", budget " + std::to_string(budget) +
                     (rows ? ", rows" : ""));
        expect_budget_kept(shape, rows, budget);
      }
}

/// However many keys were drawn, the prediction reads about 32 values again.
TEST(Budget, IsKeptOnLongCaches) {
  expect_budget_kept({.heads = 4, .kv_heads = 1, .keys = 30000, .head_dim = 32, .value_dim = 128}, false, 0.12f);
}

TEST(Target, IsMetOrTheRowIsExact) {
  for (bool rows : {false, true})
    for (float target : {0.1f, 0.02f, 1e-4f}) {
      Sketched s(typical, rows);
      const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
      const Report r = test::run(s.problem, guided.with({.target_error = target}));
      test::expect_told(s.problem, wanted);
      EXPECT_LE(r.worst_error, target);
      EXPECT_EQ(r.fallbacks, target < 1e-3f ? 6 : 0) << target;
    }
}

/// A second draw reads the rows of the first again, but not from memory.
TEST(Target, RowsCountOnce) {
  Sketched s(typical_with({.heads = 4, .kv_heads = 1, .keys = 4000, .head_dim = 64, .value_dim = 64}));
  const Report r = test::run(s.problem, guided.with({.target_error = 0.02f}));
  EXPECT_EQ(r.fallbacks, 0);
  EXPECT_GE(r.keys_scored, r.keys_used + 4 * 500) << "there was no second draw";
  EXPECT_LE(r.bytes_read, least_bytes(s, r, false) + 250 * 128 * sizeof(Element)) << "500 rows were drawn first";
}

/// Keys of one KV head and its group whose value enters the output, found by planting NaN in each: such a group falls
/// back.
std::vector<bool> keys_that_show(Sketched& s, test::Tensor<Element>& in, const crest::Guided& recipe) {
  std::vector<bool> shows;
  for (Index j = 0; j < s.problem.keys(); ++j) {
    const float before = in.get(0, j, 1);
    in.set(0, j, 1, NAN);
    KeySketch fork = s.sketch;  // the same turn each time
    s.problem.sketch = &fork;
    shows.push_back(test::run(s.problem, recipe).fallbacks > 0);
    in.set(0, j, 1, before);
  }
  s.problem.sketch = &s.sketch;
  return shows;
}

constexpr test::Shape one_group{.heads = 3, .kv_heads = 1, .keys = 1700, .head_dim = 32, .value_dim = 32};

/// Rows that are not drawn may hold anything, all of them at once.
TEST(Planted, UnreadValuesDoNotMatter) {
  for (bool rows : {false, true}) {
    Sketched s(typical_with(one_group), rows);
    const auto before = outputs_of(s);
    const Report report = test::run(s.problem, guided);
    const std::vector<bool> shows = keys_that_show(s, s.c.v, guided);
    const Index read = std::count(shows.begin(), shows.end(), true);
    EXPECT_LE(read, report.keys_used / 3);
    EXPECT_EQ(read < report.keys_used / 3, rows) << "most of the used rows are 8-bit rows";
    EXPECT_GT(read, 20);
    for (Index j = 0; j < one_group.keys; ++j)
      if (!shows[j]) s.c.v.fill_row(0, j, [](Index) { return NAN; });
    EXPECT_EQ(outputs_of(s), before);
  }
}

/// Of keys, besides the used ones, those verified in this call show.
TEST(Planted, UnreadKeysDoNotMatter) {
  Sketched s(typical_with(one_group));
  const std::vector<bool> shows = keys_that_show(s, s.c.k, guided);
  const Index read = std::count(shows.begin(), shows.end(), true), used = test::run(s.problem, guided).keys_used / 3;
  EXPECT_GE(read, used);
  EXPECT_LE(read, used + 1700 / 256 + 5);
}

TEST(Masks, HideKeysCompletely) {
  for (bool rows : {false, true})
    for (const crest::Mask& mask :
         {crest::Mask{.causal = true}, {.window = 1700}, {.causal = true, .window = 1600, .sinks = 70}}) {
      Spec spec = typical;
      spec.shape.queries = 3;
      spec.mask = mask;
      Sketched s(spec, rows);
      test::compute(s.problem, guided.with({.budget = 0.3f}));
      test::expect_told(s.problem, oracle::solve(s.problem));
      const auto before = outputs(s.c);
      for (Index i = 0; i < 2; ++i)
        for (Index j = 0; j < 2600; ++j)
          if (!oracle::sees(s.problem, 0, j) && !oracle::sees(s.problem, 1, j) && !oracle::sees(s.problem, 2, j)) {
            s.c.k.fill_row(i, j, [](Index) { return NAN; });
            s.c.v.fill_row(i, j, [](Index) { return NAN; });
          }
      EXPECT_EQ(outputs_of(s, guided.with({.budget = 0.3f})), before);
    }
}

TEST(Masks, RangesWithHoles) {
  for (bool rows : {false, true}) {
    Spec spec = typical;
    spec.shape.queries = 4;
    Sketched s(spec, rows);
    s.c.see({{{0, 3}, {63, 130}, {200, 1700}}, {}, {{10, 2500}}, {{0, 64}, {2000, 2600}}});
    const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
    const Report report = test::run(s.problem, guided.with({.budget = 0.3f}));
    EXPECT_EQ(report.fallbacks, 6 * 2) << "one row is empty, one short";
    for (Index h = 0; h < 6; ++h)
      for (Index i : {0, 2}) {
        EXPECT_GT(s.problem.error(h, i), 0);
        EXPECT_LE(test::head_error(s.problem, h, i, wanted[4 * h + i].o), 4 * s.problem.error(h, i));
        EXPECT_EQ(s.problem.o(h, 1, 5), 0);
        EXPECT_EQ(s.problem.lse(h, 1), -INFINITY);
      }
  }
}

/// Rows that see few keys are done exactly, told as such and counted; the others of the same call are not.
TEST(Masks, ShortRowsAreExact) {
  Spec spec = typical;
  spec.shape.keys = 1538, spec.shape.queries = 6;
  spec.mask = {.causal = true};
  Sketched s(spec);
  const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
  const Report report = test::run(s.problem, guided.with({.budget = 0.4f}));
  EXPECT_EQ(report.fallbacks, 6 * 3) << "queries that see 1533, 1534 and 1535 keys";
  for (Index h = 0; h < 6; ++h)
    for (Index i = 0; i < 6; ++i) {
      EXPECT_EQ(s.problem.error(h, i) == 0, i < 3);
      EXPECT_LE(test::relative_l2(s.problem, h, i, wanted[6 * h + i]), i < 3 ? test::exact_tolerance : 0.5);
    }
}

}  // namespace
