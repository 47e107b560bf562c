// Policies of the user's own: what they are asked, what they are shown, and what becomes of their answers.
#include <gtest/gtest.h>

#include <vector>

#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/clustered_reference.hpp"
#include "support/compare.hpp"
#include "support/slopes.hpp"

namespace {

using crest::Index;
using crest::Recipe;
using crest::RecipeOptions;
using crest::Report;
using crest::Scored;
using crest::Wanted;
using test::Case;

constexpr RecipeOptions nothing_always{.keep_first = 0, .keep_last = 0};
constexpr test::Spec one_row{.shape = {.heads = 1, .kv_heads = 1, .keys = 400}};

/// Asks for key 100, then in each round for the keys ten to the left and right of what it has, three times.
struct Growing {
  std::vector<Index>* seen_counts;

  void sample(Index round, const Scored& seen, Wanted& wanted) const {
    EXPECT_EQ(round, static_cast<Index>(seen_counts->size()));
    seen_counts->push_back(seen.keys.count());
    if (round == 0) wanted.add(100);
    if (round > 3) return;
    for (Index key : seen.keys) wanted.add(key - 10), wanted.add(key + 10);
  }
};

TEST(Sampler, IsAskedInRoundsUntilItWantsNothingNew) {
  Case<float> c(one_row);
  std::vector<Index> seen_counts;
  const Recipe recipe{Growing{&seen_counts}, crest::Stay{}, crest::Margin{}, crest::Everything{}, nothing_always};
  const Report report = test::run(c.problem, recipe);
  EXPECT_EQ(seen_counts, (std::vector<Index>{0, 1, 3, 5, 7}));
  EXPECT_EQ(report.keys_sampled, 7);
  EXPECT_EQ(report.keys_used, 7);
  EXPECT_LE(test::relative_l2(c.problem, 0, 0, oracle::attend(c.problem, 0, 0, {70, 80, 90, 100, 110, 120, 130})),
            test::exact_tolerance);
}

/// Asks for far more than there is, whenever it is asked.
struct Greedy {
  void sample(Index, const Scored&, Wanted& wanted) const { wanted.add({-1000, 1000000}, 3); }
  void refine(Index round, const Scored& seen, Wanted& wanted) const { sample(round, seen, wanted); }
};

TEST(Sampler, HiddenAndKnownKeysAreIgnoredSilently) {
  Case<float> c(one_row);
  c.problem.mask = {.window = 50, .sinks = 7};
  const Recipe recipe{Greedy{}, Greedy{}, crest::Margin{}, crest::Everything{}, nothing_always};
  reference::Keys wanted;
  for (Index key = -1000; key < 400; key += 3)
    if (key >= 0 && oracle::sees(c.problem, 0, key)) wanted.insert(key);
  const Report report = test::run(c.problem, recipe);
  EXPECT_EQ(report.keys_scored, static_cast<Index>(wanted.size()));
  EXPECT_LE(test::relative_l2(c.problem, 0, 0, oracle::attend(c.problem, 0, 0, {wanted.begin(), wanted.end()})),
            test::exact_tolerance);
}

/// Every tenth key from `first` on.
struct Every10th {
  Index first;
  void sample(Index round, const Scored&, Wanted& wanted) const {
    if (round == 0) wanted.add({first, 300}, 10);
  }
};

/// Keys before the first and behind the last sample have one neighbour only, which stands for all of them.
TEST(MissedMass, CountsTheKeysBeforeTheFirstSample) {
  for (Index first : {0, 1, 77}) {
    Case<float> c(one_row);
    reference::Look look = reference::see(c.problem, 0, 0);
    for (Index key = first; key < 300; key += 10) look.scored.insert(key), look.kept.insert(key);
    const Recipe recipe{Every10th{first}, crest::Stay{}, crest::Margin{}, crest::Everything{}, nothing_always};
    EXPECT_NEAR(test::run(c.problem, recipe).missed_mass, reference::missed_mass(look, look.scores[0]), 1e-5);
  }
}

/// Asks round after round for the next key to the right, up to 206.
struct OneByOne {
  void refine(Index round, const Scored&, Wanted& wanted) const { wanted.add(std::min<Index>(201 + round, 206)); }
};

TEST(Refiner, IsAskedInRoundsUntilItWantsNothingNew) {
  Case<float> c(one_row);
  const Recipe recipe{Every10th{0}, OneByOne{}, crest::Margin{}, crest::Everything{}, nothing_always};
  EXPECT_EQ(test::run(c.problem, recipe).keys_scored, 30 + 6);
}

/// Keeps the best key of each head.
struct Best {
  float floor(const Scored& seen, Index head) const {
    float best = -std::numeric_limits<float>::infinity();
    for (Index key : seen.keys) best = std::max(best, seen.score(key, head));
    return best;
  }
};

TEST(Selection, OfOneKeyGivesItsValues) {
  Case<float> c(one_row);
  const Recipe recipe{crest::Stride{1}, crest::Stay{}, crest::Margin{}, Best{}, nothing_always};
  EXPECT_EQ(test::run(c.problem, recipe).keys_used, 1);
  const oracle::Row row = oracle::attend(c.problem, 0, 0);
  const Index best = std::max_element(row.scores.begin(), row.scores.end()) - row.scores.begin();
  for (Index x = 0; x < c.problem.value_dim(); ++x) EXPECT_FLOAT_EQ(c.problem.o(0, 0, x), c.v.get(0, best, x));
}

TEST(Selection, AKeyOneHeadWantsIsUsedByTheWholeGroup) {
  Case<float> c({.shape = {.heads = 3, .kv_heads = 1, .keys = 400}});
  const Recipe recipe{crest::Stride{1}, crest::Stay{}, crest::Margin{}, Best{}, nothing_always};
  reference::Keys kept;
  for (Index h = 0; h < 3; ++h) {
    const oracle::Row row = oracle::attend(c.problem, h, 0);
    kept.insert(std::max_element(row.scores.begin(), row.scores.end()) - row.scores.begin());
  }
  EXPECT_EQ(test::run(c.problem, recipe).keys_used, 3 * static_cast<Index>(kept.size()));
  for (Index h = 0; h < 3; ++h)
    EXPECT_LE(test::relative_l2(c.problem, h, 0, oracle::attend(c.problem, h, 0, {kept.begin(), kept.end()})),
              test::exact_tolerance);
}

/// The first reference 20 nats below the peak, moved by any score 5 nats above it: many moves, the same result.
struct Low {
  float reference(float peak) const { return peak - 20; }
  float limit(float reference) const { return reference + 25; }
};

TEST(Softmax, AnyReferenceGivesTheSameResult) {
  Case<float> c = test::slope<float>(one_row.shape, 100);
  const Report streamed = test::run(c.problem, Recipe{crest::EveryKey{}, crest::Stay{}, Low{}, crest::Everything{}});
  test::expect_close(c.problem, test::exact_tolerance + 100 * 0x1p-22);
  EXPECT_GT(streamed.rescales, 10);
  test::compute(c.problem, Recipe{crest::Stride{1}, crest::Stay{}, Low{}, crest::Everything{}});
  test::expect_close(c.problem, test::exact_tolerance + 100 * 0x1p-22);
}

}  // namespace
