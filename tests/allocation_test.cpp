// From the second call of a shape on, nothing is allocated: global operator new counts.
#include <gtest/gtest.h>

#include "crest/executors.hpp"
#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/count_allocations.hpp"

namespace {

using crest::Index;
using test::allocations;
using test::Case;

constexpr crest::Recipe rescaling{crest::EveryKey{}, crest::Stay{}, crest::Rescaling{}, crest::Everything{}};

template <class R, class E>
int allocations_of(const Case<float>& c, const R& recipe, E& executor) {
  const int before = allocations;
  EXPECT_TRUE(crest::attention(c.problem, recipe, executor).ok());
  return allocations - before;
}

/// The first call may take scratch, later ones of this shape or a smaller one nothing.
template <class R, class E>
void expect_quiet(const R& recipe, E& executor, Index queries = 2) {
  const Case<float> large({.shape = {.queries = queries, .keys = 3000}}), small({.shape = {.keys = 1200}});
  allocations_of(large, recipe, executor);
  for (int call = 0; call < 3; ++call) EXPECT_EQ(allocations_of(large, recipe, executor), 0);
  EXPECT_EQ(allocations_of(small, recipe, executor), 0);
}

template <class E>
void expect_quiet_recipes(E& executor) {
  expect_quiet(crest::exact, executor);
  expect_quiet(rescaling, executor);
  expect_quiet(crest::clustered, executor);
  expect_quiet(crest::exact, executor, 50);
  expect_quiet(crest::sparse, executor, 50);
  expect_quiet(crest::mixed.with({.emulate = true}), executor, 50);
  expect_quiet(crest::clustered.with({.target_error = 1e-6f}), executor);
  expect_quiet(crest::Recipe{crest::Pyramid{}, crest::Climb{}, crest::Margin{}, crest::TopKeys{}}, executor);
  expect_quiet(crest::Recipe{crest::Antidiagonal{}, crest::Stay{}, crest::Margin{}, crest::MassStride{}}, executor);
}

TEST(Allocation, TheCounterCounts) {
  const int before = allocations;
  ::operator delete(::operator new(sizeof(int)));  // unlike `delete new int` not to be optimised away
  EXPECT_EQ(allocations, before + 1);
}

TEST(Allocation, TheFirstCallTakesScratchOnce) {
  crest::Serial fresh;
  EXPECT_EQ(allocations_of(Case<float>{}, crest::exact, fresh), 1);
}

TEST(Allocation, SerialIsQuiet) { expect_quiet_recipes(crest::this_thread_serial()); }

TEST(Allocation, PoolIsQuiet) {
  crest::Pool pool(3);
  expect_quiet_recipes(pool);
}

TEST(Allocation, BatchesAreQuiet) {
  const Case<float> a({.shape = {.keys = 2000}}), b({.shape = {.keys = 20}});
  const std::array problems{a.problem, b.problem};
  crest::Serial serial;
  for (int call = 0; call < 3; ++call) {
    const int before = allocations;
    EXPECT_TRUE(crest::attention(problems, crest::exact, serial).ok());
    EXPECT_EQ(allocations - before, call == 0 ? 1 : 0);
  }
}

TEST(Allocation, GroupSamplersAreQuiet) {
  Case<float> c({.shape = {.queries = 2, .keys = 2000}});
  crest::KeyIndex index(2, 32, {.grouping = crest::Grouping::bounds});
  ASSERT_EQ(index.append(c.k.view()), crest::Status::ok);
  c.problem.index = &index;
  crest::Serial serial;
  const crest::Recipe recipe{crest::TopBlocks{}, crest::Stay{}, crest::Lazy{}, crest::MassStride{}};
  EXPECT_EQ(allocations_of(c, recipe, serial), 1);
  EXPECT_EQ(allocations_of(c, recipe, serial), 0);
}

TEST(Allocation, RefusalsAreQuiet) {
  Case<float> c;
  c.problem.scale = NAN;
  const int before = allocations;
  EXPECT_FALSE(crest::attention(c.problem).ok());
  EXPECT_EQ(allocations, before);
}

}  // namespace
