// KeyIndex as a container: which group each key is in, what summaries hold, and that a failed edit changes nothing.
#include "crest/sketch/key_index.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "support/case.hpp"
#include "support/short_memory.hpp"

namespace {

using crest::Grouping;
using crest::Index;
using crest::IndexView;
using crest::KeyIndex;
using crest::Status;
using test::Tensor;

constexpr Grouping groupings[] = {Grouping::means, Grouping::bounds, Grouping::clusters};

template <class T = float>
Tensor<T> keys_of(Index kv_heads, Index keys, Index head_dim, std::uint64_t seed = 1) {
  Tensor<T> k({kv_heads, keys, head_dim});
  test::fill(k, test::Data::normal, seed);
  return k;
}

/// Rows first, first + 1 ... of a tensor.
template <class T>
crest::TensorView<T, 3> part(Tensor<T>& t, Index first, Index count) {
  const auto v = t.view();
  return {v.data_handle() + first * v.stride(1),
          {v.extent(0), count, v.extent(2)},
          {v.stride(0), v.stride(1), v.stride(2)}};
}

/// Appends in pieces of the given sizes, then the rest.
template <class T>
KeyIndex indexed(Tensor<T>& k, const crest::IndexOptions& options, const std::vector<Index>& pieces = {}) {
  KeyIndex index(k.extents()[0], k.extents()[2], options);
  Index at = 0;
  for (Index n : pieces) {
    EXPECT_EQ(index.append(part(k, at, n)), Status::ok);
    at += n;
  }
  EXPECT_EQ(index.append(part(k, at, k.extents()[1] - at)), Status::ok);
  return index;
}

std::set<Index> members(const IndexView& v, Index group) {
  std::set<Index> keys;
  v.each_run(group, [&](crest::KeyRange run) {
    for (Index key = run.first; key < run.last; ++key) EXPECT_TRUE(keys.insert(key).second);
  });
  return keys;
}

/// Every key 0..keys - 1 is in exactly one group, and sizes are right.
void expect_partition(const KeyIndex& index) {
  for (Index head = 0; head < index.kv_heads(); ++head) {
    const IndexView v = index.view(head);
    std::set<Index> all;
    Index total = 0;
    for (Index g = 0; g < v.groups; ++g) {
      const std::set<Index> some = members(v, g);
      EXPECT_EQ(v.size(g), static_cast<Index>(some.size()));
      total += v.size(g);
      all.insert(some.begin(), some.end());
    }
    EXPECT_EQ(total, index.size());
    EXPECT_EQ(static_cast<Index>(all.size()), index.size());
    if (!all.empty()) {
      EXPECT_EQ(*all.begin(), 0);
      EXPECT_EQ(*all.rbegin(), index.size() - 1);
    }
  }
}

/// Summaries are what the keys of each group say.
template <class T>
void expect_summaries(const KeyIndex& index, const Tensor<T>& k) {
  for (Index head = 0; head < index.kv_heads(); ++head) {
    const IndexView v = index.view(head);
    for (Index g = 0; g < v.groups; ++g)
      for (Index x = 0; x < index.head_dim() && v.size(g) > 0; ++x) {
        double sum = 0, most = -INFINITY, least = INFINITY;
        for (Index key : members(v, g)) {
          const double element = k.get(head, key, x);
          sum += element, most = std::max(most, element), least = std::min(least, element);
        }
        const float* summary = v.summaries + g * v.row;
        if (v.grouping == Grouping::bounds) {
          EXPECT_EQ(summary[x], most);
          EXPECT_EQ(summary[index.head_dim() + x], least);
        } else {
          EXPECT_NEAR(summary[x], sum / static_cast<double>(v.size(g)), 2e-6);
        }
      }
  }
}

void expect_equal(const KeyIndex& a, const KeyIndex& b) {
  ASSERT_EQ(a.size(), b.size());
  ASSERT_EQ(a.groups(), b.groups());
  for (Index head = 0; head < a.kv_heads(); ++head) {
    const IndexView x = a.view(head), y = b.view(head);
    for (Index g = 0; g < a.groups(); ++g) {
      EXPECT_EQ(members(x, g), members(y, g));
      for (Index i = 0; i < x.row; ++i) EXPECT_EQ(x.summaries[g * x.row + i], y.summaries[g * y.row + i]);
    }
  }
}

TEST(KeyIndex, EveryKeyIsInOneGroupAndSummariesTellOfItsKeys) {
  for (Grouping grouping : groupings)
    for (Index keys : {1, 15, 16, 17, 300})
      for (const std::vector<Index>& pieces : {std::vector<Index>{}, {1}, {1, 1, 1, 1}, {0, 3, 7}}) {
        if (keys < 15 && pieces.size() > 1) continue;
        Tensor<float> k = keys_of(2, keys, 9);
        const KeyIndex index = indexed(k, {.grouping = grouping}, pieces);
        EXPECT_EQ(index.size(), keys);
        EXPECT_EQ(index.groups(), (keys + 15) / 16);
        expect_partition(index);
        expect_summaries(index, k);
      }
}

TEST(KeyIndex, TakesAllElementTypes) {
  Tensor<crest::f16> half = keys_of<crest::f16>(1, 50, 8);
  expect_summaries(indexed(half, {.grouping = Grouping::bounds}), half);
  Tensor<crest::bf16> brain = keys_of<crest::bf16>(1, 50, 8);
  expect_summaries(indexed(brain, {.grouping = Grouping::clusters}), brain);
}

TEST(KeyIndex, BlocksAreTheSameHoweverTheyAreAppended) {
  Tensor<float> k = keys_of(3, 100, 12);
  for (Grouping grouping : {Grouping::means, Grouping::bounds})
    for (Index group_keys : {1, 7, 64, 1000}) {
      const KeyIndex whole = indexed(k, {.grouping = grouping, .group_keys = group_keys});
      expect_equal(indexed(k, {.grouping = grouping, .group_keys = group_keys}, std::vector<Index>(99, 1)), whole);
      expect_equal(indexed(k, {.grouping = grouping, .group_keys = group_keys}, {33, 0, 20}), whole);
      for (Index j = 0; j < 100; ++j) EXPECT_TRUE(members(whole.view(1), j / group_keys).contains(j));
    }
}

/// Keys along `kinds` axes, in a shuffled order: k-means must find the axes.
Tensor<float> keys_along_axes(Index keys, Index kinds, std::vector<Index>& kind_of) {
  test::Random random(3);
  Tensor<float> k({1, keys, kinds});
  for (Index j = 0; j < keys; ++j) {
    kind_of.push_back(static_cast<Index>(random.uniform() * static_cast<double>(kinds)));
    const double length = 0.5 + 4 * random.uniform();
    k.fill_row(0, j,
               [&](Index x) { return static_cast<float>(length * ((x == kind_of.back()) + 0.02 * random.normal())); });
  }
  return k;
}

TEST(Clusters, HoldKeysOfOneDirection) {
  std::vector<Index> kind_of;
  Tensor<float> k = keys_along_axes(600, 8, kind_of);
  const KeyIndex index = indexed(k, {.grouping = Grouping::clusters, .group_keys = 15, .rounds = 8});
  expect_partition(index);
  for (Index g = 0; g < index.groups(); ++g) {
    std::set<Index> kinds;
    for (Index key : members(index.view(0), g)) kinds.insert(kind_of[key]);
    EXPECT_LE(kinds.size(), 1u) << "cluster " << g;
  }
}

double cosine(const Tensor<float>& k, Index j, const std::vector<double>& c) {
  double dot = 0, square = 0, own = 0;
  for (std::size_t x = 0; x < c.size(); ++x) {
    const double element = k.get(0, j, static_cast<Index>(x));
    dot += element * c[x], square += c[x] * c[x], own += element * element;
  }
  return square > 0 ? dot / std::sqrt(square * own) : 0;
}

/// With many rounds k-means comes to rest: no key is nearer, in angle, to the sum of another cluster's directions.
TEST(Clusters, AreAtRestAfterManyRounds) {
  Tensor<float> k = keys_of(1, 120, 6);
  const KeyIndex index = indexed(k, {.grouping = Grouping::clusters, .group_keys = 20, .rounds = 200});
  std::vector<std::vector<double>> centers(index.groups(), std::vector<double>(6));
  const std::vector<double> unit(6, 1.0);
  for (Index g = 0; g < index.groups(); ++g)
    for (Index j : members(index.view(0), g)) {
      double length = 0;
      for (Index x = 0; x < 6; ++x) length += k.get(0, j, x) * k.get(0, j, x);
      for (Index x = 0; x < 6; ++x) centers[g][x] += k.get(0, j, x) / std::sqrt(length);
    }
  for (Index g = 0; g < index.groups(); ++g)
    for (Index j : members(index.view(0), g))
      for (const auto& other : centers) EXPECT_GE(cosine(k, j, centers[g]), cosine(k, j, other) - 1e-5);
}

TEST(Clusters, AKeyThatOpensNoneJoinsTheNearestMean) {
  Tensor<float> k = keys_of(1, 75, 6);
  KeyIndex index(1, 6, {.grouping = Grouping::clusters, .group_keys = 10});
  ASSERT_EQ(index.append(part(k, 0, 71)), Status::ok);
  ASSERT_EQ(index.groups(), 8);
  for (Index j = 71; j < 75; ++j) {
    const IndexView v = index.view(0);
    std::vector<double> cosines;
    for (Index g = 0; g < 8; ++g)
      cosines.push_back(cosine(k, j, {v.summaries + g * v.row, v.summaries + (g + 1) * v.row}));
    const Index nearest = std::max_element(cosines.begin(), cosines.end()) - cosines.begin();
    ASSERT_EQ(index.append(part(k, j, 1)), Status::ok);
    EXPECT_EQ(index.groups(), 8);
    EXPECT_TRUE(members(index.view(0), nearest).contains(j)) << j;
  }
  expect_summaries(index, k);
}

TEST(Clusters, NewOnesHoldTheNewKeys) {
  Tensor<float> k = keys_of(2, 90, 6);
  KeyIndex index = indexed(k, {.grouping = Grouping::clusters, .group_keys = 10}, {40});
  EXPECT_EQ(index.groups(), 9);
  for (Index g = 0; g < 9; ++g)
    for (Index key : members(index.view(1), g)) EXPECT_EQ(key >= 40, g >= 4);
}

TEST(Clusters, DependOnTheSeedAlone) {
  Tensor<float> k = keys_of(1, 400, 16);
  const crest::IndexOptions options{.grouping = Grouping::clusters, .rounds = 1};
  expect_equal(indexed(k, options), indexed(k, options));
  crest::IndexOptions other = options;
  other.seed = 2;
  const KeyIndex a = indexed(k, options), b = indexed(k, other);
  bool differ = false;
  for (Index g = 0; g < a.groups(); ++g) differ |= members(a.view(0), g) != members(b.view(0), g);
  EXPECT_TRUE(differ);
}

/// One key that is not a number must not draw all others to itself.
TEST(Clusters, SurviveNan) {
  Tensor<float> k = keys_of(1, 200, 8);
  k.set(0, 50, 3, NAN);
  const KeyIndex index = indexed(k, {.grouping = Grouping::clusters});
  expect_partition(index);
  Index spoiled = 0, largest = 0;
  for (Index g = 0; g < index.groups(); ++g) {
    spoiled += std::isnan(index.view(0).summaries[g * 8 + 3]);
    largest = std::max(largest, index.view(0).size(g));
  }
  EXPECT_EQ(spoiled, 1);
  EXPECT_LT(largest, 100);
}

TEST(KeyIndex, NanStaysInASummary) {
  for (Grouping grouping : {Grouping::means, Grouping::bounds})
    for (Index at : {0, 5, 15}) {
      Tensor<float> k = keys_of(1, 32, 4);
      k.set(0, at, 2, NAN);
      const KeyIndex index = indexed(k, {.grouping = grouping});
      const IndexView v = index.view(0);
      EXPECT_TRUE(std::isnan(v.summaries[2]));
      EXPECT_TRUE(grouping != Grouping::bounds || std::isnan(v.summaries[4 + 2]));
      EXPECT_FALSE(std::isnan(v.summaries[1]));
      EXPECT_FALSE(std::isnan(v.summaries[v.row + 2]));
    }
}

TEST(KeyIndex, TruncateDropsKeysAndAppendGoesOn) {
  for (Grouping grouping : groupings) {
    Tensor<float> k = keys_of(2, 100, 6);
    KeyIndex index = indexed(k, {.grouping = grouping});
    for (Index keys : {64, 64, 37}) {
      EXPECT_EQ(index.truncate(keys), Status::ok);
      EXPECT_EQ(index.size(), keys);
      expect_partition(index);
    }
    EXPECT_EQ(index.append(part(k, 37, 63)), Status::ok);
    expect_partition(index);
    EXPECT_EQ(index.size(), 100);
  }
}

/// A bound must hold for the keys that are left and those that came in place of others.
TEST(KeyIndex, BoundsHoldAfterTruncation) {
  Tensor<float> k = keys_of(1, 100, 6), other = keys_of(1, 100, 6, 2);
  KeyIndex index = indexed(k, {.grouping = Grouping::bounds});
  EXPECT_EQ(index.truncate(37), Status::ok);
  EXPECT_EQ(index.append(part(other, 37, 20)), Status::ok);
  const IndexView v = index.view(0);
  for (Index j = 0; j < 57; ++j)
    for (Index x = 0; x < 6; ++x) {
      const float element = (j < 37 ? k : other).get(0, j, x);
      EXPECT_GE(v.summaries[j / 16 * 12 + x], element);
      EXPECT_LE(v.summaries[j / 16 * 12 + 6 + x], element);
    }
}

TEST(KeyIndex, ClearForgetsAllAndKeepsMemory) {
  for (Grouping grouping : groupings) {
    Tensor<float> k = keys_of(2, 100, 6);
    KeyIndex index = indexed(k, {.grouping = grouping});
    const std::size_t bytes = index.bytes();
    index.clear();
    EXPECT_EQ(index.size(), 0);
    EXPECT_EQ(index.groups(), 0);
    EXPECT_EQ(index.append(k.view()), Status::ok);
    EXPECT_EQ(index.bytes(), bytes);
    expect_equal(index, indexed(k, {.grouping = grouping}));
  }
}

TEST(KeyIndex, CopiesForkAndMovesLeaveNothing) {
  Tensor<float> k = keys_of(1, 60, 6);
  KeyIndex index = indexed(k, {.grouping = Grouping::clusters});
  KeyIndex fork = index;
  EXPECT_EQ(fork.truncate(10), Status::ok);
  expect_equal(index, indexed(k, {.grouping = Grouping::clusters}));
  const KeyIndex moved = std::move(index);
  EXPECT_EQ(moved.size(), 60);
  EXPECT_EQ(index.size(), 0);  // NOLINT(bugprone-use-after-move): it is as if default constructed
  EXPECT_EQ(index.append(k.view()), Status::index_kv_heads);
}

TEST(KeyIndex, MistakesAreNamed) {
  Tensor<float> k = keys_of(2, 20, 6);
  const auto first = [&](Index kv_heads, Index head_dim, const crest::IndexOptions& options = {}) {
    KeyIndex index(kv_heads, head_dim, options);
    const Status status = index.append(k.view());
    EXPECT_EQ(index.size(), status == Status::ok ? 20 : 0);
    return status;
  };
  EXPECT_EQ(first(2, 6), Status::ok);
  for (Index wrong : {-1, 0, 3}) {
    EXPECT_EQ(first(wrong, 6), Status::index_kv_heads);
    EXPECT_EQ(first(2, wrong), Status::index_head_dim);
  }
  for (Index wrong : {Index{-1}, Index{0}, (Index{1} << 20) + 1})
    EXPECT_EQ(first(2, 6, {.group_keys = wrong}), Status::index_options);
  for (Index wrong : {-1, 1001}) EXPECT_EQ(first(2, 6, {.rounds = wrong}), Status::index_options);
  KeyIndex index(2, 6);
  EXPECT_EQ(index.append(crest::TensorView<const float, 3>(nullptr, {2, 5, 6})), Status::k_null);
  EXPECT_EQ(index.append(crest::TensorView<const float, 3>(k.data(), {2, 5, 6}, {60, 12, 2})), Status::k_stride);
  EXPECT_EQ(index.append(crest::TensorView<const float, 3>(k.data(), {2, Index{1} << 31, 6})), Status::too_many_keys);
  for (Index wrong : {Index{-1}, Index{1}}) EXPECT_EQ(index.truncate(wrong), Status::index_range);
  for (Index wrong : {Index{-1}, Index{1} << 31}) EXPECT_EQ(index.reserve(wrong), Status::index_range);
}

TEST(KeyIndex, ReservedRoomIsEnough) {
  for (Grouping grouping : groupings) {
    Tensor<float> k = keys_of(2, 500, 6);
    KeyIndex index(2, 6, {.grouping = grouping});
    ASSERT_EQ(index.reserve(500), Status::ok);
    const std::size_t bytes = index.bytes();
    for (Index j = 0; j < 500; j += 50) ASSERT_EQ(index.append(part(k, j, 50)), Status::ok);
    EXPECT_EQ(index.bytes(), bytes);
  }
}

/// Whichever allocation fails, the index stays as it was.
TEST(KeyIndex, ShortOfMemoryNothingChanges) {
  for (Grouping grouping : groupings) {
    Tensor<float> k = keys_of(2, 200, 6);
    KeyIndex index = indexed(k, {.grouping = grouping}, {});
    ASSERT_EQ(index.truncate(100), Status::ok);
    const KeyIndex before = index;
    Status status = Status::out_of_memory;
    for (int allowed = 0; status != Status::ok && allowed < 20; ++allowed) {
      KeyIndex copy = before;
      Tensor<float> more = keys_of(2, 900, 6, 2);
      {
        test::ShortOfMemory few(allowed);
        status = copy.append(more.view());
      }
      if (status == Status::ok) break;
      EXPECT_EQ(status, Status::out_of_memory);
      expect_equal(copy, before);
    }
    EXPECT_EQ(status, Status::ok);
  }
}

}  // namespace
