// Masks of other kinds as ranges.
#include "crest/core/range_list.hpp"

#include <gtest/gtest.h>

#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"

namespace {

using crest::Index;
using crest::KeyRange;
using crest::RangeList;

/// The keys each query sees, from what show() made of a problem.
std::vector<std::vector<Index>> seen_keys(const RangeList& list) {
  crest::Problem<float> p;
  list.show(p);
  std::vector<std::vector<Index>> seen(static_cast<std::size_t>(list.queries()));
  for (Index i = 0; i < list.queries(); ++i)
    for (Index r = p.range_of[i]; r < p.range_of[i + 1]; ++r)
      for (Index key = p.ranges[r].first; key < p.ranges[r].last; ++key) seen[i].push_back(key);
  return seen;
}

TEST(RangeList, BitsOfAnyLengthAtAnyPlace) {
  test::Random random(5);
  for (int density : {1, 2, 30})
    for (Index keys : {0, 1, 7, 8, 63, 64, 65, 127, 128, 300})
      for (Index first : {0, 1, 5, 8, 13, 63}) {
        SCOPED_TRACE(std::to_string(keys) + " keys from bit " + std::to_string(first));
        std::vector<unsigned char> bytes(static_cast<std::size_t>((first + keys + 7) / 8), 0xff);
        std::vector<Index> wanted;
        for (Index j = 0; j < keys; ++j) {
          const Index bit = first + j;
          if (random.below(density + 1) == 0)
            bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] & ~(1 << bit % 8));
          else
            wanted.push_back(j);
        }
        RangeList list;
        list.add_bits(bytes.data(), first, keys);
        EXPECT_EQ(seen_keys(list), (std::vector<std::vector<Index>>{wanted}));
      }
}

TEST(RangeList, NeighboursAreOneRange) {
  const std::array<unsigned char, 40> all = [] {
    std::array<unsigned char, 40> a;
    a.fill(0xff);
    return a;
  }();
  RangeList list;
  list.add_bits(all.data(), 3, 300);
  crest::Problem<float> p;
  list.show(p);
  ASSERT_EQ(p.ranges.size(), 1u);
  EXPECT_EQ(p.ranges[0], (KeyRange{0, 300}));
}

TEST(RangeList, ATreeSeesPrefixAncestorsAndItself) {
  RangeList list;
  const std::array<Index, 6> parents{-1, 0, 0, 1, 2, -1};
  list.add_tree(3, parents);
  EXPECT_EQ(seen_keys(list),
            (std::vector<std::vector<Index>>{
                {0, 1, 2, 3}, {0, 1, 2, 3, 4}, {0, 1, 2, 3, 5}, {0, 1, 2, 3, 4, 6}, {0, 1, 2, 3, 5, 7}, {0, 1, 2, 8}}));
  list.clear();
  list.add_tree(0, parents);
  EXPECT_EQ(seen_keys(list)[3], (std::vector<Index>{0, 1, 3}));
}

/// Speculative decoding: every node of the tree as the last token of its own branch.
TEST(RangeList, ATreeDecodesLikeItsBranches) {
  const std::array<Index, 6> parents{-1, 0, 0, 1, 2, -1};
  test::Case<float> c({.shape = {.heads = 6, .kv_heads = 2, .queries = 6, .keys = 2506}});
  RangeList list;
  list.add_tree(2500, parents);
  list.show(c.problem);
  const std::array<Index, 6> places{2500, 2501, 2501, 2502, 2502, 2500};
  const std::vector<float> slopes{.1f, .2f, .3f, .4f, .5f, .6f};
  c.problem.logits = {.slopes = slopes, .places = places};
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(c.problem, crest::exact, backend);
    for (Index h = 0; h < 6; ++h) {
      std::vector<Index> branch(2500);
      for (Index j = 0; j < 2500; ++j) branch[j] = j;
      branch.insert(branch.end(), {2500, 2502, 2504});
      EXPECT_LE(test::relative_l2(c.problem, h, 4, oracle::attend(c.problem, h, 4, branch)), test::exact_tolerance);
    }
    test::expect_close(c.problem);
  });
}

TEST(RangeList, GivesUpNothingBetweenUses) {
  RangeList list;
  for (int i = 0; i < 3; ++i) {
    list.clear();
    list.add(std::array{KeyRange{1, 3}, KeyRange{3, 4}});
    list.add({});
    EXPECT_EQ(seen_keys(list), (std::vector<std::vector<Index>>{{1, 2, 3}, {}}));
  }
}

}  // namespace
