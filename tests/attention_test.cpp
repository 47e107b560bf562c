// The exact recipe over the whole matrix, for one element type (CREST_TEST_ELEMENT) and every backend.
#include "support/matrix.hpp"

namespace {

using Element = CREST_TEST_ELEMENT;

TEST(Matrix, EveryPairOfLevelsOccurs) {
  for (test::Index f = 0; f < 9; ++f)
    for (test::Index g = 0; g < f; ++g) {
      std::array<bool, 121> met{};
      for (test::Index run = 0; run < test::matrix_runs; ++run)
        met[test::orthogonal_level(run, f) * 11 + test::orthogonal_level(run, g)] = true;
      EXPECT_EQ(std::count(met.begin(), met.end(), true), 121);
    }
}

class Slice : public testing::TestWithParam<test::Index> {};
TEST_P(Slice, ExactMatchesTheOracle) { test::expect_matrix_close<Element>(crest::exact, GetParam()); }
INSTANTIATE_TEST_SUITE_P(Matrix, Slice, testing::Range<test::Index>(0, 11));

}  // namespace
