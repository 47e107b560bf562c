// Recipes of every sampler, refiner and selection against slow twins: which keys they sample, score and use, and what
// is computed from them.
#include <gtest/gtest.h>

#include "crest/executors.hpp"
#include "support/backends.hpp"
#include "support/expected_report.hpp"
#include "support/policy_reference.hpp"
#include "support/same_bits.hpp"

namespace {

using crest::Index;
using crest::Recipe;
using test::Case;
using test::Data;

template <class T, class R>
void expect_as_the_twin(const Case<T>& c, const R& recipe) {
  test::for_each_backend([&](crest::Backend backend) {
    const crest::Report report = test::run(c.problem, recipe, backend);
    test::ExpectedReport<T>(c.problem, [&](Index kv_head, Index query) {
      return reference::looked(c.problem, recipe, kv_head, query);
    }).check(report);
  });
}

/// Groups of one, two, three and five heads, short and long caches, masks, ranges, and all types of elements.
template <class R>
void expect_as_the_twin_everywhere(const R& recipe) {
  std::uint64_t seed = 1;
  for (Data data : {Data::smooth, Data::normal})
    for (Index keys : {1, 40, 700})
      for (Index group : {1, 3})
        expect_as_the_twin(Case<float>({.shape = {.heads = 2 * group, .keys = keys, .head_dim = 20, .value_dim = 24},
                                        .data = data,
                                        .seed = ++seed}),
                           recipe);
  for (crest::Mask mask : {crest::Mask{.causal = true}, {.causal = true, .window = 200, .sinks = 9}})
    expect_as_the_twin(Case<float>({.shape = {.heads = 2, .kv_heads = 1, .queries = 3, .keys = 500}, .mask = mask}),
                       recipe);
  Case<float> some({.shape = {.heads = 5, .kv_heads = 1, .queries = 2, .keys = 600}, .data = Data::smooth});
  some.see({{{3, 40}, {41, 42}, {100, 350}}, {{0, 1}, {590, 600}}});
  expect_as_the_twin(some, recipe);
  expect_as_the_twin(Case<crest::f16>({.shape = {.keys = 300}}), recipe);
  expect_as_the_twin(Case<crest::bf16>({.shape = {.keys = 300}, .data = Data::smooth}), recipe);
}

constexpr crest::RecipeOptions few_always{.keep_first = 1, .keep_last = 3};

TEST(Pyramid, DoesAsItsTwin) {
  expect_as_the_twin_everywhere(
      Recipe{crest::Pyramid{}, crest::Stay{}, crest::Margin{}, crest::Everything{}, few_always});
  expect_as_the_twin_everywhere(Recipe{crest::Pyramid{.steps = {50, 11, 3, 1}, .peaks = 2}, crest::Window{.reach = 3},
                                       crest::Lazy{}, crest::Everything{}});
}

TEST(Antidiagonal, DoesAsItsTwin) {
  expect_as_the_twin_everywhere(
      Recipe{crest::Antidiagonal{}, crest::Stay{}, crest::Margin{}, crest::Everything{}, few_always});
  expect_as_the_twin_everywhere(Recipe{crest::Antidiagonal{.block = 24, .stride = 5, .mass = 0.5f}, crest::Stay{},
                                       crest::Margin{}, crest::Everything{}, few_always});
}

TEST(Recent, DoesAsItsTwin) {
  expect_as_the_twin_everywhere(
      Recipe{crest::Recent{.sinks = 3, .window = 50}, crest::Stay{}, crest::Lazy{}, crest::Everything{}, few_always});
  expect_as_the_twin_everywhere(
      Recipe{crest::Stride{3}, crest::Stay{}, crest::Lazy{}, crest::Recent{.sinks = 10, .window = 20}, few_always});
}

TEST(Climb, DoesAsItsTwin) {
  expect_as_the_twin_everywhere(
      Recipe{crest::Stride{16}, crest::Climb{}, crest::Margin{}, crest::Everything{}, few_always});
  expect_as_the_twin_everywhere(
      Recipe{crest::Stride{9}, crest::Climb{.peaks = 2, .steps = 3}, crest::Margin{}, crest::TopKeys{5}});
}

TEST(TopKeys, DoesAsItsTwin) {
  expect_as_the_twin_everywhere(
      Recipe{crest::EveryKey{}, crest::Stay{}, crest::Lazy{}, crest::TopKeys{17}, few_always});
  expect_as_the_twin_everywhere(Recipe{crest::Stride{2}, crest::Window{.reach = 4}, crest::Margin{}, crest::TopKeys{}});
}

/// Where scores rise steadily towards a maximum that the samples passed over, climbing finds it.
TEST(Climb, FindsASmoothMaximumBetweenSamples) {
  Case<float> c({.shape = {.heads = 1, .kv_heads = 1, .keys = 1000, .head_dim = 1, .value_dim = 1}});
  c.q.fill([](Index, Index, Index) { return 1.0f; });
  c.k.fill([](Index, Index key, Index) { return -std::abs(static_cast<float>(key - 509)) / 10; });
  c.v.fill([](Index, Index key, Index) { return key == 509 ? NAN : 1.0f; });
  const auto found = [&](Index steps) {
    test::compute(c.problem, Recipe{crest::Stride{50}, crest::Climb{.peaks = 1, .steps = steps}, crest::Margin{},
                                    crest::Everything{}});
    return std::isnan(c.problem.o(0, 0, 0));
  };
  EXPECT_TRUE(found(32));
  EXPECT_TRUE(found(9));
  EXPECT_FALSE(found(8));
}

template <class R>
void expect_same_bits(const R& recipe) {
  crest::Pool pool(3);
  crest::Serial serial;
  test::expect_same(test::outcome(recipe, pool), test::outcome(recipe, serial));
}

TEST(Policies, GiveTheSameBitsOnAnyNumberOfThreads) {
  expect_same_bits(Recipe{crest::Pyramid{}, crest::Climb{}, crest::Margin{}, crest::TopKeys{}});
  expect_same_bits(Recipe{crest::Antidiagonal{}, crest::Stay{}, crest::Margin{}, crest::MassStride{}});
}

TEST(Policies, RowsBeyondTheTargetAreDoneExactly) {
  const auto expect_exact = [](auto recipe) {
    const Case<float> c({.shape = {.queries = 2, .keys = 900}});
    const crest::Report report = test::run(c.problem, recipe.with({.target_error = 1e-6f}));
    EXPECT_EQ(report.fallbacks, report.rows);
    EXPECT_EQ(report.worst_error, 0);
    test::expect_close(c.problem);
  };
  expect_exact(Recipe{crest::Pyramid{}, crest::Climb{}, crest::Margin{}, crest::TopKeys{}});
  expect_exact(Recipe{crest::Antidiagonal{.mass = 0.3f}, crest::Stay{}, crest::Margin{}, crest::Everything{}});
  expect_exact(Recipe{crest::EveryKey{}, crest::Stay{}, crest::Lazy{}, crest::MassStride{}});
}

template <class R>
void expect_refused(crest::Status status, const R& recipe) {
  Case<float> c;
  EXPECT_EQ(crest::attention(c.problem, recipe).status, status);
  EXPECT_TRUE(c.untouched());
}

TEST(Policies, OptionsOutOfRangeAreRefused) {
  const auto sampler = [](const auto& s) {
    expect_refused(crest::Status::recipe_sampler, Recipe{s, crest::Stay{}, crest::Lazy{}, crest::Everything{}});
  };
  sampler(crest::Pyramid{.steps = {0}});
  sampler(crest::Pyramid{.steps = {8, 8}});
  sampler(crest::Pyramid{.steps = {8, -1}});
  sampler(crest::Pyramid{.steps = {8, 0, 4}});
  sampler(crest::Pyramid{.peaks = 17});
  sampler(crest::Antidiagonal{.block = 0});
  sampler(crest::Antidiagonal{.stride = 0});
  for (float mass : {0.0f, 1.1f, NAN}) sampler(crest::Antidiagonal{.mass = mass});
  sampler(crest::Recent{.sinks = -1});
  sampler(crest::Recent{.window = -1});
  const auto refiner = [](const crest::Climb& r) {
    expect_refused(crest::Status::recipe_refiner, Recipe{crest::Stride{}, r, crest::Lazy{}, crest::Everything{}});
  };
  refiner({.peaks = 0});
  refiner({.peaks = 17});
  refiner({.steps = -1});
  const auto selection = [](const auto& s) {
    expect_refused(crest::Status::recipe_selection, Recipe{crest::Stride{}, crest::Stay{}, crest::Lazy{}, s});
  };
  selection(crest::TopKeys{0});
  for (float share : {0.0f, 1.5f, NAN}) selection(crest::MassStride{.share = share});
}

}  // namespace
