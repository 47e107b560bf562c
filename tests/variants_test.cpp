// Variants of recipes: what a caller's own code or kernel text does to scores, and which keys it hides, against the
// oracle.
#define CREST_USER_KERNELS "user_variant.inl"
#include "support/user_variant.hpp"
//
#include <gtest/gtest.h>

#include "support/kernels.hpp"
#include "support/sketched.hpp"

namespace {

using crest::Index;
using test::Case;
using test::for_each_backend;

/// The variants as the oracle knows them.
double squeezed(double s, Index, Index, Index) { return s / (1 + std::abs(s)); }
struct Alternating {
  Index period;
  double operator()(double s, Index head, Index query, Index key) const {
    return (key + head + query) % period == 0 ? -std::numeric_limits<double>::infinity() : s;
  }
};

template <class R>
void expect_variants(const R& recipe) {
  Case<float> c(
      {.shape = {.heads = 12, .kv_heads = 2, .queries = 2, .keys = 2300}, .mask = {.causal = true}, .spread = 2});
  for (float softcap : {0.0f, 10.0f}) {
    c.problem.logits.softcap = softcap;
    const auto squeeze = oracle::solve(c.problem, squeezed);
    const auto alternate = oracle::solve(c.problem, Alternating{3});
    for_each_backend([&](crest::Backend backend) {
      test::compute(c.problem, crest::Variant{recipe, test::Squeeze{}}, backend);
      test::expect_close(c.problem, squeeze);
      test::compute(c.problem, crest::Variant{recipe, test::Alternate{3}}, backend);
      test::expect_close(c.problem, alternate);
    });
  }
}

TEST(Variant, ExactMatchesTheOracle) { expect_variants(crest::exact); }
TEST(Variant, OnlineSoftmaxMatchesTheOracle) { expect_variants(test::online); }
TEST(Variant, LookingMatchesTheOracle) { expect_variants(test::looking); }

TEST(Variant, AMaskMayHideEverything) {
  Case<float> c({.shape = {.heads = 2, .kv_heads = 1, .keys = 50}});
  test::compute(c.problem, crest::Variant{crest::exact, test::Alternate{1}});
  test::expect_close(c.problem, oracle::solve(c.problem, Alternating{1}));
  EXPECT_EQ(c.problem.o(1, 0, 5), 0);
}

TEST(Variant, KernelTextTakesThePlaceOfPlainCode) {
  Case<float> c({.shape = {.heads = 3, .kv_heads = 1, .keys = 300}});
  const auto wanted = oracle::solve(c.problem, squeezed);
  for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::Variant{crest::exact, test::KernelSqueeze{}}, backend);
    test::expect_close(c.problem, wanted);
  });
}

TEST(Variant, KeepsItsRecipesOptions) {
  Case<float> c({.shape = {.keys = 3000}});
  const crest::Variant recipe{crest::clustered, test::Squeeze{}};
  const crest::Report few = test::run(c.problem, recipe.with(crest::RecipeOptions{.keep_last = 1}));
  EXPECT_LT(few.keys_used, test::run(c.problem, recipe).keys_used);
  EXPECT_EQ(few.fallbacks, 0);
  EXPECT_GT(test::run(c.problem, recipe.with(crest::RecipeOptions{.target_error = 1e-6f})).fallbacks, 0);
}

TEST(Variant, GuidedKnowsItsError) {
  for (bool rows : {false, true})
    test::expect_guided<float>({}, rows, crest::Variant{crest::guided.with({.budget = 0.3f}), test::Squeeze{}},
                               squeezed);
}

TEST(Variant, GuidedRefusesToHideKeys) {
  test::Sketched<float> s(test::typical);
  EXPECT_EQ(crest::attention(s.problem, crest::Variant{crest::guided, test::Alternate{2}}).status,
            crest::Status::recipe_variant);
}

}  // namespace
