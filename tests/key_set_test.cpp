// KeySet as a set, against std::set.
#include "crest/core/key_set.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "crest/core/key_bits.hpp"
#include "support/random.hpp"

namespace {

using crest::Index;
using crest::KeySet;

/// A KeySet with its memory and the std::set it should equal.
struct Pair {
  explicit Pair(Index keys) : words(KeySet::words_for(keys)), fast(words) {}
  void insert(Index key) { fast.insert(key), plain.insert(key); }

  std::vector<KeySet::Word> words;
  KeySet fast;
  std::set<Index> plain;
};

std::vector<Index> listed(const KeySet& set) {
  std::vector<Index> keys;
  for (Index key : set) keys.push_back(key);
  return keys;
}
std::vector<Index> listed(const std::set<Index>& set) { return {set.begin(), set.end()}; }

Pair random_pair(test::Random& random, Index keys, Index members) {
  Pair pair(keys);
  for (Index i = 0; i < members; ++i) pair.insert(random.below(keys));
  return pair;
}

TEST(KeySet, WordsCoverTheKeys) {
  EXPECT_EQ(KeySet::words_for(0), 0);
  EXPECT_EQ(KeySet::words_for(1), 1);
  EXPECT_EQ(KeySet::words_for(64), 1);
  EXPECT_EQ(KeySet::words_for(65), 2);
}

TEST(KeySet, EmptySets) {
  EXPECT_EQ(listed(KeySet()), std::vector<Index>{});
  EXPECT_EQ(KeySet().count(), 0);
  EXPECT_EQ(listed(Pair(1000).fast), std::vector<Index>{});
}

TEST(KeySet, HoldsWhatWasInserted) {
  test::Random random(1);
  for (Index keys : {1, 63, 64, 65, 128, 129, 1000})
    for (Index members : {1, 3, 50, 2000}) {
      const Pair pair = random_pair(random, keys, members);
      EXPECT_EQ(listed(pair.fast), listed(pair.plain));
      EXPECT_EQ(pair.fast.count(), static_cast<Index>(pair.plain.size()));
      for (Index key = 0; key < keys; ++key) EXPECT_EQ(pair.fast.contains(key), pair.plain.contains(key));
    }
}

TEST(KeySet, EdgesOfWords) {
  Pair pair(192);
  for (Index key : {0, 63, 64, 127, 128, 191}) pair.insert(key);
  EXPECT_EQ(listed(pair.fast), listed(pair.plain));
}

TEST(KeySet, RangesAreInsertedWhole) {
  for (Index first : {0, 1, 63, 64, 65, 130})
    for (Index length : {0, 1, 2, 62, 63, 64, 65, 128, 200}) {
      Pair pair(400);
      pair.insert(3);
      for (Index key = first; key < first + length; ++key) pair.plain.insert(key);
      pair.fast.insert(crest::KeyRange{first, first + length});
      EXPECT_EQ(listed(pair.fast), listed(pair.plain)) << first << " + " << length;
    }
}

TEST(KeySet, UniteAndSubtract) {
  test::Random random(2);
  Pair a = random_pair(random, 300, 80), b = random_pair(random, 300, 80);
  Pair difference = a;
  difference.fast = KeySet(difference.words);
  difference.fast.subtract(b.fast);
  a.fast.unite(b.fast);
  for (Index key : b.plain) a.plain.insert(key), difference.plain.erase(key);
  EXPECT_EQ(listed(a.fast), listed(a.plain));
  EXPECT_EQ(listed(difference.fast), listed(difference.plain));
}

TEST(KeySet, ClearEmpties) {
  Pair pair(100);
  pair.insert(7), pair.insert(99);
  pair.fast.clear();
  EXPECT_EQ(pair.fast.count(), 0);
  EXPECT_FALSE(pair.fast.contains(99));
}

TEST(KeyBits, BetweenHoldsWhatLiesThere) {
  using Bits = crest::KeyBits<128>;
  for (int first : {0, 1, 63, 64, 65, 127, 128})
    for (int last : {0, 1, 63, 64, 65, 127, 128}) {
      const Bits bits = Bits::between(first, last);
      for (int i = 0; i < 128; ++i)
        EXPECT_EQ(bits.holds(i), first <= i && i < last) << first << ' ' << last << ' ' << i;
    }
}

}  // namespace
