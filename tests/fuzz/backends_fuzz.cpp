// Random problems of one element type (CREST_TEST_ELEMENT), all backends, pairwise: what the matrix did not think of.
// Problem n is made from seed n alone, so the same ones run everywhere; the variable CREST_FUZZ_PROBLEMS asks for more.
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/matrix.hpp"

namespace {

using crest::Index;
using test::Case;
using test::Random;

using Element = CREST_TEST_ELEMENT;

Index problems() {
  const char* text = std::getenv("CREST_FUZZ_PROBLEMS");
  return text ? std::atol(text) : 100;
}

/// Mostly small numbers, now and then one up to `most`.
Index some(Random& random, Index most) { return random.below(1 + random.below(1 + random.below(most))); }

test::Spec random_spec(Random& random, std::uint64_t seed) {
  const Index kv_heads = 1 + some(random, 3);
  return {.shape = {.heads = kv_heads * (1 + some(random, 9)),
                    .kv_heads = kv_heads,
                    .queries = 1 + some(random, 40),
                    .keys = some(random, 6000),
                    .head_dim = 1 + some(random, 300),
                    .value_dim = 1 + some(random, 300)},
          .mask = {random.below(2) == 1, some(random, 3000), some(random, 50)},
          .data = test::Data{static_cast<int>(random.below(3))},
          .seed = seed,
          .layout = {some(random, 20), some(random, 20), some(random, 64)},
          .spread = static_cast<float>(std::exp(random.uniform() * 2 - 1))};
}

/// What one backend computed.
struct Answer {
  std::string backend;
  std::vector<oracle::Row> rows;
  crest::Report report;
};

Answer answer(const Case<Element>& c, const std::vector<oracle::Row>& sizes, crest::Backend backend,
              const auto& recipe) {
  Answer a{backend.name(), sizes, test::run(c.problem, recipe, backend)};
  for (std::size_t r = 0; r < a.rows.size(); ++r) {
    const Index head = static_cast<Index>(r) / c.problem.queries(), query = static_cast<Index>(r) % c.problem.queries();
    for (Index x = 0; x < c.problem.value_dim(); ++x)
      a.rows[r].o[x] = oracle::element(crest::TensorView<const float, 3>(c.problem.o), head, query, x);
    a.rows[r].lse = test::row_value(c.problem.lse, head, query);
  }
  return a;
}

/// After each backend, the outputs in `c` are its own: they are compared with every backend before it.
void compare_backends(const Case<Element>& c, const auto& recipe) {
  const std::vector<oracle::Row> sizes = oracle::solve(c.problem);
  std::vector<Answer> answers;
  test::for_each_backend([&](crest::Backend backend) {
    answers.push_back(answer(c, sizes, backend, recipe));
    for (const Answer& other : answers) {
      SCOPED_TRACE("against " + other.backend);
      test::expect_close(c.problem, other.rows, 2 * test::exact_tolerance);
      EXPECT_EQ(answers.back().report.keys_used, other.report.keys_used);
      EXPECT_EQ(answers.back().report.bytes_read, other.report.bytes_read);
    }
  });
}

void fuzz(std::uint64_t seed) {
  Random random(seed);
  const test::Spec spec = random_spec(random, seed);
  SCOPED_TRACE("problem " + std::to_string(seed) + ": " + test::describe(spec.shape));
  Case<Element> c(spec);
  if (random.below(4) == 0) c.see(test::holes(spec.shape, seed));
  if (random.below(2) == 0)
    compare_backends(c, crest::exact);
  else
    compare_backends(c,
                     crest::Recipe{crest::Stride{3}, crest::Window{}, crest::Margin{}, crest::Everything{},
                                   crest::RecipeOptions{.keep_first = random.below(9), .keep_last = random.below(99)}});
}

TEST(Fuzz, BackendsAgree) {
  for (Index n = 1; n <= problems() && !HasFailure(); ++n) fuzz(static_cast<std::uint64_t>(n) * sizeof(Element));
}

}  // namespace
