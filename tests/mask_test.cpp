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

/// Keys of `clip` that some query sees, one by one.
Index seen_by_any(const crest::Problem<float>& p, KeyRange clip) {
  Index count = 0;
  for (Index key = clip.first; key < clip.last; ++key) {
    bool seen = false;
    for (Index i = 0; i < p.queries(); ++i) seen |= oracle::sees(p, i, key);
    count += seen;
  }
  return count;
}

TEST(Visible, UnionOfMasksCountsEveryKeyOnce) {
  test::Random random(6);
  for (int round = 0; round < 500; ++round) {
    const Index queries = 1 + random.below(6), keys = 1 + random.below(30);
    test::Case<float> c({.shape = {.queries = queries, .keys = keys}});
    c.problem.mask = {random.below(2) == 1, random.below(12), random.below(6)};
    const KeyRange clip{random.below(keys), keys - random.below(3)};
    EXPECT_EQ(union_count(c.problem, {0, queries}, clip), seen_by_any(c.problem, clip)) << round;
  }
}

/// Counted in pieces of 4096 keys.
TEST(Visible, UnionOfLongRanges) {
  test::Case<float> c({.shape = {.queries = 3, .keys = 10000}});
  c.see({{{0, 4096}, {4100, 4101}, {9000, 9999}}, {{4095, 4098}, {8191, 8193}}, {}});
  for (KeyRange clip : {KeyRange{0, 10000}, {1, 9998}, {4090, 8193}})
    EXPECT_EQ(union_count(c.problem, {0, 3}, clip), seen_by_any(c.problem, clip)) << clip.first;
}

/// Every other key, for one query and for many: the time is that of looking at each range once.
TEST(Visible, ManyRangesAreCountedInOnePass) {
  constexpr Index keys = 200000;
  test::Case<float> c({.shape = {.queries = 8, .keys = keys}});
  std::vector<KeyRange> even;
  for (Index j = 0; j < keys; j += 2) even.push_back({j, j + 1});
  c.see(std::vector<std::vector<KeyRange>>(8, even));
  EXPECT_EQ(union_count(c.problem, {0, 1}, {0, keys}), keys / 2);
  EXPECT_EQ(union_count(c.problem, {0, 8}, {0, keys}), keys / 2);
}

TEST(Visible, PlacesLieCloseTogether) {
  for (const auto& [ranges, count] : {std::pair<std::vector<KeyRange>, Index>{{}, 0},
                                      {{{5, 9}}, 4},
                                      {{{0, 4}, {100, 110}}, 14},
                                      {{{3, 4}, {100, 110}, {120, 121}}, 22}}) {
    const crest::Places places(ranges);
    EXPECT_EQ(places.count, count);
    Index last = -1;
    for (KeyRange r : ranges)
      for (Index key = r.first; key < r.last; ++key) {
        EXPECT_GT(places(key), last);
        last = places(key);
      }
    EXPECT_EQ(last, count - 1);
  }
}

TEST(Visible, UnionCountsEveryKeyOnce) {
  test::Random random(5);
  for (int round = 0; round < 200; ++round) {
    const Index queries = 1 + random.below(4), keys = 1 + random.below(40);
    test::Case<float> c({.shape = {.queries = queries, .keys = keys}});
    c.see(random_lists(random, queries, keys));
    const KeyRange clip{random.below(keys), keys};
    const Index wanted = seen_by_any(c.problem, clip);
    EXPECT_EQ(union_count(c.problem, {0, queries}, clip), wanted);
  }
}

}  // namespace
