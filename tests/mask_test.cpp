// Masks as ranges, against the definition spelled out key by key.
#include <gtest/gtest.h>

#include <vector>

#include "crest/core/kv_rows.hpp"
#include "oracle.hpp"
#include "support/case.hpp"

namespace {

using crest::Index;
using crest::KeyRange;
using crest::Mask;

std::vector<Index> listed(std::span<const KeyRange> ranges) {
  std::vector<Index> keys;
  for (KeyRange r : ranges)
    for (Index key = r.first; key < r.last; ++key) keys.push_back(key);
  return keys;
}

/// The keys query i of m sees among n, by the definition in the documentation of Mask.
std::vector<Index> defined(const Mask& mask, Index i, Index m, Index n) {
  std::vector<Index> keys;
  const Index newest = mask.causal ? n - m + i : n - 1;
  for (Index j = 0; j <= newest && j < n; ++j)
    if (mask.window == 0 || j > newest - mask.window || j < mask.sinks) keys.push_back(j);
  return keys;
}

TEST(Mask, RangesFollowTheDefinition) {
  for (bool causal : {false, true})
    for (Index window : {0, 1, 3, 8, 100})
      for (Index sinks : {0, 1, 4, 100})
        for (Index queries : {1, 2, 5})
          for (Index keys : {0, 1, 2, 4, 9})
            for (Index i = 0; i < queries; ++i) {
              const Mask mask{causal, window, sinks};
              EXPECT_EQ(listed(visible_keys(mask, i, queries, keys).span()), defined(mask, i, queries, keys))
                  << causal << " window " << window << " sinks " << sinks << " query " << i << " of " << queries
                  << " keys " << keys;
            }
}

TEST(Mask, RangesAreSortedDisjointAndNotEmpty) {
  const crest::MaskRanges both = visible_keys(Mask{true, 3, 2}, 0, 1, 10);
  ASSERT_EQ(both.count, 2);
  EXPECT_EQ(both.range[0], (KeyRange{0, 2}));
  EXPECT_EQ(both.range[1], (KeyRange{7, 10}));
  EXPECT_EQ(visible_keys(Mask{true, 9, 5}, 0, 1, 10).count, 2);
  EXPECT_EQ(visible_keys(Mask{true, 10, 5}, 0, 1, 10).count, 1);
  EXPECT_EQ(visible_keys(Mask{true}, 0, 3, 2).count, 0);
}

TEST(Mask, IntersectKeepsOrder) {
  EXPECT_EQ(crest::intersect({2, 5}, {4, 9}), (KeyRange{4, 5}));
  EXPECT_EQ(crest::length(crest::intersect({2, 5}, {5, 9})), 0);
  EXPECT_EQ(crest::length(crest::intersect({7, 9}, {2, 5})), 0);
}

std::vector<std::vector<KeyRange>> random_lists(test::Random& random, Index queries, Index keys) {
  std::vector<std::vector<KeyRange>> lists(queries);
  for (auto& list : lists)
    for (Index at = random.below(keys); at < keys; at += random.below(5)) {
      const Index last = std::min(keys, at + random.below(6));
      list.push_back({at, last});
      at = last;
    }
  return lists;
}

TEST(Visible, UnionCountsEveryKeyOnce) {
  test::Random random(5);
  for (int round = 0; round < 200; ++round) {
    const Index queries = 1 + random.below(4), keys = 1 + random.below(40);
    test::Case<float> c({.shape = {.queries = queries, .keys = keys}});
    c.see(random_lists(random, queries, keys));
    const KeyRange clip{random.below(keys), keys};
    Index wanted = 0;
    for (Index key = clip.first; key < clip.last; ++key) {
      bool seen = false;
      for (Index i = 0; i < queries; ++i) seen |= oracle::sees(c.problem, i, key);
      wanted += seen;
    }
    EXPECT_EQ(union_count(c.problem, {0, queries}, clip), wanted);
  }
}

}  // namespace
