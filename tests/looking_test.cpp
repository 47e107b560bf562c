// A recipe that looks at every key before it reads values, over the whole matrix: it must be exact too.
#include "support/matrix.hpp"

namespace {

using Element = CREST_TEST_ELEMENT;

TEST(Matrix, LookingAtEveryKeyMatchesTheOracle) {
  constexpr crest::Recipe recipe{crest::Stride{1}, crest::Stay{}, crest::Margin{}, crest::Everything{}};
  static_assert(recipe.path == crest::Path::look);
  test::expect_matrix_close<Element>(recipe);
}

}  // namespace
