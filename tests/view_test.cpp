// TensorView and ScratchBuffer: the two small types everything borrows memory through.
#include "crest/core/view.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "crest/core/executor.hpp"

namespace {

using crest::Index;
using crest::TensorView;

std::vector<int> counted(int n) {
  std::vector<int> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST(TensorView, DefaultIsAbsent) {
  constexpr TensorView<float, 3> none;
  static_assert(none.data_handle() == nullptr && none.extent(0) == 0 && none.extent(2) == 0);
  static_assert(TensorView<float, 3>::rank() == 3);
}

TEST(TensorView, IsRowMajorByDefault) {
  std::vector<int> numbers = counted(24);
  const TensorView<int, 3> t(numbers.data(), {2, 3, 4});
  EXPECT_EQ(t.stride(0), 12);
  EXPECT_EQ(t.stride(1), 4);
  EXPECT_EQ(t.stride(2), 1);
  EXPECT_EQ(t(1, 2, 3), 23);
  t(1, 0, 2) = -5;
  EXPECT_EQ(numbers[14], -5);
}

TEST(TensorView, StridesCountElements) {
  std::vector<int> numbers = counted(100);
  const TensorView<int, 2> t(numbers.data(), {3, 4}, {30, 7});
  EXPECT_EQ(t(0, 0), 0);
  EXPECT_EQ(t(2, 3), 81);
}

TEST(TensorView, MutableConvertsToConst) {
  std::vector<int> numbers = counted(6);
  const TensorView<int, 2> t(numbers.data(), {2, 3}, {3, 1});
  const TensorView<const int, 2> c = t;
  EXPECT_EQ(c.data_handle(), t.data_handle());
  EXPECT_EQ(c.extent(0), 2);
  EXPECT_EQ(c.stride(0), 3);
  static_assert(!std::is_convertible_v<TensorView<const int, 2>, TensorView<int, 2>>);
}

TEST(ScratchBuffer, MovesAlong) {
  crest::ScratchBuffer a;
  std::byte* memory = a.get(100).data();
  crest::ScratchBuffer b = std::move(a);
  EXPECT_EQ(b.get(50).data(), memory);
  crest::ScratchBuffer c;
  c = std::move(b);
  EXPECT_EQ(c.get(100).data(), memory);
  EXPECT_EQ(c.get(0).size(), 0u);
}

}  // namespace
