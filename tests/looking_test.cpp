// A recipe that looks at every key before it reads values, over the whole matrix: it must be exact too.
#include "support/matrix.hpp"

namespace {

using Element = CREST_TEST_ELEMENT;

class Slice : public testing::TestWithParam<test::Index> {};
TEST_P(Slice, LookingAtEveryKeyMatchesTheOracle) {
  constexpr crest::Recipe recipe{crest::Stride{1}, crest::Stay{}, crest::Margin{}, crest::Everything{}};
  static_assert(recipe.path == crest::Path::look);
  test::expect_matrix_close<Element>(recipe, GetParam());
}
INSTANTIATE_TEST_SUITE_P(Matrix, Slice, testing::Range<test::Index>(0, 11));

}  // namespace
