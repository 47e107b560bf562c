// guided: what it refuses, and what it leaves to exact.
#include <gtest/gtest.h>

#include "support/sketched.hpp"

namespace {

using crest::guided;
using crest::Index;
using crest::KeySketch;
using crest::Report;
using crest::Status;
using test::typical;
using test::typical_with;
using Sketched = test::Sketched<float>;

/// Calls with a sketch that does not fit; nothing may be written.
void expect_refused(Status status, KeySketch sketch, Index expected, Index found) {
  Sketched s(typical);
  s.problem.sketch = &sketch;
  const Report report = crest::attention(s.problem, guided);
  EXPECT_STREQ(crest::to_string(report.status), crest::to_string(status));
  EXPECT_EQ(report.expected, expected);
  EXPECT_EQ(report.found, found);
  EXPECT_TRUE(s.c.untouched());
}

KeySketch sketch_of(test::Shape shape, bool rows) {
  const Sketched s(typical_with(shape), rows);
  return s.sketch;
}

TEST(Refusals, SketchesThatDoNotFit) {
  const auto [heads, kv_heads, queries, keys, head_dim, value_dim] = typical.shape;
  expect_refused(Status::sketch_keys, {}, keys, 0);
  expect_refused(Status::sketch_keys, sketch_of({heads, kv_heads, queries, keys - 1, head_dim, value_dim}, false), keys,
                 keys - 1);
  expect_refused(Status::sketch_kv_heads, sketch_of({3, 3, queries, keys, head_dim, value_dim}, false), kv_heads, 3);
  expect_refused(Status::sketch_head_dim, sketch_of({heads, kv_heads, queries, keys, 32, value_dim}, false), head_dim,
                 32);
  expect_refused(Status::sketch_value_dim, sketch_of({heads, kv_heads, queries, keys, head_dim, 32}, true), value_dim,
                 32);
}

TEST(Refusals, NoSketchAndBadOptions) {
  Sketched s(typical);
  const auto expect_bad = [&](Status status, const crest::GuidedOptions& bad) {
    EXPECT_EQ(crest::attention(s.problem, guided.with(bad)).status, status);
  };
  for (float budget : {0.0f, 1.5f, NAN}) expect_bad(Status::recipe_budget, {.budget = budget});
  for (float target : {-1.0f, NAN}) expect_bad(Status::recipe_target_error, {.target_error = target});
  expect_bad(Status::recipe_keep, {.keep_first = -1});
  expect_bad(Status::recipe_keep, {.keep_last = -1});
  s.problem.sketch = nullptr;
  EXPECT_EQ(crest::attention(s.problem, guided).status, Status::sketch_null);
  EXPECT_TRUE(s.c.untouched());
}

TEST(Refusals, OneBadProblemStopsABatch) {
  Sketched good(typical), bad(typical);
  EXPECT_EQ(bad.sketch.truncate(7), Status::ok);
  const std::array problems{good.problem, bad.problem};
  const Report report = crest::attention(problems, guided);
  EXPECT_EQ(report.status, Status::sketch_keys);
  EXPECT_EQ(report.problem, 1);
  EXPECT_TRUE(good.c.untouched() && bad.c.untouched());
}

TEST(Refusals, NoKeysAtAll) {
  Sketched s(typical_with({.heads = 8, .kv_heads = 8, .keys = 0}));
  EXPECT_TRUE(crest::attention(s.problem, guided).ok());
  EXPECT_EQ(s.problem.o(7, 0, 0), 0);
  KeySketch other(1, 32);
  s.problem.sketch = &other;
  EXPECT_EQ(crest::attention(s.problem, guided).status, Status::sketch_kv_heads);
}

/// What is not finite is done as exact does it, for the group it touches alone.
TEST(NonFinite, IsDoneExactly) {
  for (bool rows : {false, true})
    for (float bad : {NAN, INFINITY, -INFINITY})
      for (int where : {0, 1, 2}) {
        Sketched s(typical, rows);
        where == 0 ? s.c.q.set(4, 0, 2, bad) : where == 1 ? s.c.k.set(1, 1000, 2, bad) : s.c.v.set(1, 1000, 2, bad);
        s.rebuild(rows);
        const Report report = test::run(s.problem, guided);
        const bool seen = where < 2 || rows;
        EXPECT_TRUE(report.fallbacks == 3 || !seen);
        const auto found = s.c.o;
        test::compute(s.problem);
        for (Index h = 3; h < 6 && seen; ++h)
          for (Index x = 0; x < 48; ++x) {
            const float exact = s.problem.o(h, 0, x);
            EXPECT_TRUE(std::isnan(exact)
                            ? std::isnan(found.get(h, 0, x))
                            : found.get(h, 0, x) == exact || std::abs(found.get(h, 0, x) - exact) <= 1e-4f);
          }
        EXPECT_GT(found.get(0, 0, 0), 0);
      }
}

}  // namespace
