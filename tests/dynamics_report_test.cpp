// What a Report says of hardmax and localmax: passes over K, values that are loaded, keys that weigh something. A NaN
// planted in a value row shows in the output when a kernel loads the row, for NaN times 0 is NaN.
#include <gtest/gtest.h>

#include "crest/executors.hpp"
#include "support/backends.hpp"
#include "support/case.hpp"

namespace {

using crest::Backend;
using crest::Index;
using crest::Recipe;
using crest::Report;
using test::Case;
using test::Shape;
using test::Spec;

template <class R>
bool shows(Case<float>& c, Index key, const R& recipe, Backend backend) {
  const float before = c.v.get(0, key, 0);
  c.v.set(0, key, 0, NAN);
  test::compute(c.problem, recipe, backend);
  c.v.set(0, key, 0, before);
  double sum = 0;
  for (Index h = 0; h < c.problem.heads(); ++h)
    for (Index i = 0; i < c.problem.queries(); ++i) sum += c.o.get(h, i, 0);
  return std::isnan(sum);
}

/// Value rows that the last pass of a recipe loads for any query and head.
template <class R>
std::uint64_t rows_loaded(Case<float>& c, const R& recipe, Backend backend) {
  std::uint64_t rows = 0;
  for (Index key = 0; key < c.problem.keys(); ++key) rows += shows(c, key, recipe, backend);
  return rows;
}

/// Few keys tie, so that most values are left alone; one task, whose rows share each load. Heads fill their tiles: an
/// empty place in a tile ties with all keys, and would have all values loaded.
const Spec specs[] = {{.shape = {1, 1, 1, 700, 8, 4}},
                      {.shape = {8, 1, 1, 700, 8, 4}},
                      {.shape = {4, 1, 8, 700, 8, 4}},
                      {.shape = {2, 1, 5, 700, 8, 4}, .mask = {.causal = true, .window = 300, .sinks = 7}}};

std::uint64_t visible_keys(const Case<float>& c) {
  return crest::union_count(c.problem, {0, c.problem.queries()}, {0, c.problem.keys()});
}

TEST(Bytes, HardmaxReadsKeysOnceAndTheValuesThatItLoads) {
  for (const Spec& spec : specs)
    test::for_each_backend([&](Backend backend) {
      Case<float> c(spec);
      const std::uint64_t rows = rows_loaded(c, crest::hardmax, backend);
      EXPECT_EQ(test::run(c.problem, crest::hardmax, backend).bytes_read, visible_keys(c) * 8 * 4 + rows * 4 * 4);
      EXPECT_LT(rows, visible_keys(c));
    });
}

/// The first pass is a hardmax, and loads what that loads.
TEST(Bytes, LocalmaxReadsKeysTwice) {
  for (const Spec& spec : specs)
    test::for_each_backend([&](Backend backend) {
      Case<float> c(spec);
      const std::uint64_t first = rows_loaded(c, crest::hardmax, backend),
                          second = rows_loaded(c, crest::localmax(0.5f), backend);
      const Report report = test::run(c.problem, crest::localmax(0.5f), backend);
      EXPECT_EQ(report.bytes_read, 2 * visible_keys(c) * 8 * 4 + (first + second) * 4 * 4);
      EXPECT_EQ(report.keys_scored, 2 * report.keys_visible);
    });
}

TEST(Bytes, OfSampledMaximaAreWholeLinesOfWhatIsLoaded) {
  const Recipe recipe{crest::Stride{4}, crest::Stay{}, crest::Peak{}, crest::Everything{}, {0, 0}};
  test::for_each_backend([&](Backend backend) {
    Case<float> c(specs[1]);
    const std::uint64_t rows = rows_loaded(c, recipe, backend);
    EXPECT_EQ(test::run(c.problem, recipe, backend).bytes_read, 175 * 64 + rows * 64);
    EXPECT_LT(rows, 175u);
  });
}

TEST(Bytes, OfAFallbackAreAddedPassByPass) {
  const auto recipe = [](float target) {
    return Recipe{crest::Stride{4}, crest::Stay{}, crest::Band{0.5f}, crest::Everything{}, {0, 0, target}};
  };
  Case<float> c(specs[0]);
  const Report cheap = test::run(c.problem, recipe(0)), dear = test::run(c.problem, recipe(1e-9f));
  ASSERT_EQ(dear.fallbacks, 1);
  EXPECT_EQ(dear.bytes_read - cheap.bytes_read, test::run(c.problem, crest::localmax(0.5f)).bytes_read);
  EXPECT_EQ(dear.keys_scored, cheap.keys_scored + 2 * 700);
}

/// Split over tasks, too: 9,000 keys are.
TEST(Used, AreTheKeysThatWeighSomething) {
  for (const Shape& shape : {Shape{6, 2, 1, 9000, 8, 4}, Shape{4, 1, 20, 300, 8, 4}}) {
    Case<float> c({.shape = shape});
    const auto expect_used = [&](const auto& recipe) {
      const Report report = test::run(c.problem, recipe);
      double used = 0;
      for (Index h = 0; h < shape.heads; ++h)
        for (Index i = 0; i < shape.queries; ++i) used += std::exp(c.lse.get(0, h, i));
      EXPECT_NEAR(static_cast<double>(report.keys_used), used, 0.01);
      EXPECT_LT(report.keys_used, report.keys_visible / 4);
    };
    expect_used(crest::hardmax);
    expect_used(crest::localmax(0.5f));
    c.k.fill([](Index, Index, Index) { return 1.0f; });
    EXPECT_EQ(test::run(c.problem, crest::hardmax).keys_used, test::run(c.problem).keys_visible);
  }
}

TEST(Used, AreAllKeysWhenAScoreIsNotANumber) {
  Case<float> c(specs[0]);
  c.k.set(0, 5, 0, NAN);
  EXPECT_EQ(test::run(c.problem, crest::hardmax).keys_used, 700);
}

TEST(Counts, DoNotDependOnThreads) {
  const Case<float> c({.shape = {6, 2, 3, 9000, 8, 4}});
  crest::Pool pool(3);
  const auto expect_same = [&](const auto& recipe) {
    const Report one = test::run(c.problem, recipe), three = crest::attention(c.problem, recipe, pool);
    EXPECT_EQ(one.bytes_read, three.bytes_read);
    EXPECT_EQ(one.keys_used, three.keys_used);
    EXPECT_EQ(one.keys_scored, three.keys_scored);
  };
  expect_same(crest::hardmax);
  expect_same(crest::localmax(1));
}

}  // namespace
