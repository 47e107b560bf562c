// Each policy alone, on scores written by hand.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <numeric>
#include <vector>

#include "crest/policy/recipe.hpp"
#include "support/random.hpp"

namespace {

using crest::Index;
using crest::KeyRange;
using crest::KeySet;

constexpr float infinity = std::numeric_limits<float>::infinity();

using Scores = std::map<Index, std::vector<float>>;  ///< key -> one score per head, nats

/// A policy's view of the world: `keys` positions of which some are scored, some visible.
class World {
 public:
  World(Index keys, Index heads, const Scores& scores = {}) : keys_(keys), heads_(heads) {
    for (const auto& [key, row] : scores) {
      seen_.insert(key);
      for (Index h = 0; h < heads; ++h) set(key, h, row[h] * 1.44269504f);
    }
  }

  World(const World&) = delete;
  World& operator=(const World&) = delete;

  crest::Scored seen() {
    return {seen_, {scores_.data(), pitch(), crest::Places(all_)}, peaks_.data(), heads_, {.position = position}};
  }
  Index position = 0;  ///< of the query

  /// What a policy asks for in one round.
  template <class Ask>
  std::vector<Index> wanted(std::vector<KeyRange> visible, Ask&& ask) {
    fresh_.clear();
    crest::Wanted wanted(fresh_, visible);
    ask(seen(), wanted);
    return asked();
  }

 private:
  Index pitch() const { return heads_ + 1; }
  void set(Index key, Index head, float log2_score) {
    scores_[key * pitch() + head] = log2_score;
    if (log2_score > peaks_[head]) peaks_[head] = log2_score;
  }
  std::vector<Index> asked() const {
    std::vector<Index> keys;
    for (Index key : fresh_) keys.push_back(key);
    return keys;
  }

  Index keys_, heads_;
  std::array<KeyRange, 1> all_{KeyRange{0, keys_}};
  std::vector<KeySet::Word> seen_words_ = std::vector<KeySet::Word>(KeySet::words_for(keys_));
  std::vector<KeySet::Word> fresh_words_ = seen_words_;
  KeySet seen_{seen_words_}, fresh_{fresh_words_};
  std::vector<float> scores_ = std::vector<float>(keys_ * (heads_ + 1), 1e9f);
  std::vector<float> peaks_ = std::vector<float>(heads_, -infinity);
};

std::vector<Index> range(Index first, Index last, Index step = 1) {
  std::vector<Index> keys;
  for (Index key = first; key < last; key += step) keys.push_back(key);
  return keys;
}

std::vector<Index> operator+(std::vector<Index> a, const std::vector<Index>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

template <class S>
std::vector<Index> sampled(const S& sampler, Index round, std::vector<KeyRange> visible) {
  return World(200, 1).wanted(std::move(visible),
                              [&](const auto& seen, auto& wanted) { sampler.sample(round, seen, wanted); });
}

template <class R>
std::vector<Index> refined(const R& refiner, const Scores& scores, Index round = 0) {
  World world(200, static_cast<Index>(scores.begin()->second.size()), scores);
  return world.wanted({{0, 200}}, [&](const auto& seen, auto& wanted) { refiner.refine(round, seen, wanted); });
}

TEST(Wanted, ClipsToWhatIsVisible) {
  World world(200, 1);
  const auto keys = world.wanted({{10, 20}, {30, 31}, {50, 200}}, [](const auto&, auto& wanted) {
    wanted.add({0, 12});
    wanted.add({18, 52});
    wanted.add(25);
    wanted.add(60);
    wanted.add({190, 500});
    wanted.add({15, 15});
  });
  EXPECT_EQ(keys, range(10, 12) + range(18, 20) + range(30, 31) + range(50, 52) + range(60, 61) + range(190, 200));
}

TEST(Wanted, StepsCountFromTheAskedRange) {
  World world(200, 1);
  const auto keys = world.wanted({{11, 20}, {33, 40}}, [](const auto&, auto& wanted) { wanted.add({2, 100}, 7); });
  EXPECT_EQ(keys, (std::vector<Index>{16, 37}));
}

TEST(Wanted, ShowsTheVisibleRanges) {
  World world(200, 1);
  world.wanted({{3, 5}}, [](const auto&, auto& wanted) {
    ASSERT_EQ(wanted.visible().size(), 1u);
    EXPECT_EQ(wanted.visible()[0], (KeyRange{3, 5}));
  });
}

TEST(Wanted, EndsAreCountedOverTheRanges) {
  const auto ends = [](Index first, Index last) {
    return World(200, 1).wanted({{10, 12}, {30, 40}, {50, 53}},
                                [&](const auto&, auto& wanted) { wanted.add_ends(first, last); });
  };
  EXPECT_EQ(ends(3, 0), range(10, 12) + range(30, 31));
  EXPECT_EQ(ends(0, 5), range(38, 40) + range(50, 53));
  EXPECT_EQ(ends(1, 100), range(10, 12) + range(30, 40) + range(50, 53));
  EXPECT_EQ(ends(0, 0), range(0, 0));
}

/// What amounts to `goal` in a list of values with amounts.
float threshold(double goal, const std::vector<std::pair<float, double>>& list) {
  return crest::threshold(goal, [&](auto&& f) {
    for (const auto& [value, amount] : list) f(value, amount);
  });
}

TEST(Threshold, IsTheHighestThatLetsTheGoalThrough) {
  EXPECT_EQ(threshold(1, {{3, 1}, {-2, 1}, {7, 1}}), 7);
  EXPECT_EQ(threshold(2, {{3, 1}, {-2, 1}, {7, 1}}), 3);
  EXPECT_EQ(threshold(3, {{3, 1}, {-2, 1}, {7, 1}}), -2);
  EXPECT_EQ(threshold(3, {{5, 1}, {5, 1}, {5, 1}, {4, 9}}), 5);
  EXPECT_EQ(threshold(3.5, {{5, 1}, {5, 1}, {5, 1}, {4, 9}}), 4);
  EXPECT_EQ(threshold(2, {{-1e-20f, 1}, {-3e30f, 1}, {-1e-21f, 1}}), -1e-20f);
}

TEST(Threshold, AtTheEdges) {
  EXPECT_EQ(threshold(0, {{3, 1}}), infinity);
  EXPECT_EQ(threshold(NAN, {{3, 1}}), infinity);
  EXPECT_EQ(threshold(4, {{3, 1}, {2, 1}}), -infinity);
  EXPECT_EQ(threshold(1, {}), -infinity);
  EXPECT_EQ(threshold(1, {{NAN, 1}, {-NAN, 1}, {2, 1}}), 2);
}

/// Against sorting, over floats of all sizes that share leading bytes.
TEST(Threshold, AgreesWithSorting) {
  test::Random random(7);
  std::vector<std::pair<float, double>> list;
  for (int i = 0; i < 500; ++i)
    list.emplace_back(static_cast<float>(random.normal()) * (i % 2 ? 1.0f : 1e-3f), 1 + i % 3);
  std::vector<std::pair<float, double>> sorted = list;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  double goal = 0;
  for (const auto& [value, amount] : sorted) {
    goal += amount;
    EXPECT_EQ(threshold(goal, list), value);
    EXPECT_EQ(threshold(goal - 0.5, list), value);
  }
}

TEST(EveryKey, AsksForAllOnce) {
  EXPECT_EQ(sampled(crest::EveryKey{}, 0, {{3, 9}, {100, 103}}), range(3, 9) + range(100, 103));
  EXPECT_EQ(sampled(crest::EveryKey{}, 1, {{3, 9}}), range(0, 0));
}

TEST(Stride, AsksForEveryStepthKeyOfEachRange) {
  EXPECT_EQ(sampled(crest::Stride{8}, 0, {{0, 100}}), range(0, 100, 8));
  EXPECT_EQ(sampled(crest::Stride{8}, 0, {{3, 30}, {50, 51}}), range(3, 30, 8) + range(50, 51));
  EXPECT_EQ(sampled(crest::Stride{}, 0, {{0, 200}}), range(0, 200, 16));
  EXPECT_EQ(sampled(crest::Stride{1}, 0, {{5, 90}}), range(5, 90));
  EXPECT_EQ(sampled(crest::Stride{500}, 0, {{5, 90}}), range(5, 6));
  EXPECT_EQ(sampled(crest::Stride{8}, 1, {{0, 100}}), range(0, 0));
}

TEST(Pyramid, LooksCloserAroundTheBest) {
  const crest::Pyramid pyramid{.steps = {40, 10, 3}, .peaks = 1};
  EXPECT_EQ(sampled(pyramid, 0, {{0, 200}}), range(0, 200, 40));
  World coarse(200, 1, {{0, {1.0f}}, {40, {2.0f}}, {80, {7.0f}}, {120, {0.0f}}});
  const auto level = [&](Index round) {
    return coarse.wanted({{0, 200}}, [&](const auto& seen, auto& wanted) { pyramid.sample(round, seen, wanted); });
  };
  EXPECT_EQ(level(1), range(40, 121, 10));
  EXPECT_EQ(level(2), range(70, 91, 3));
  EXPECT_EQ(level(3), range(0, 0));
}

std::vector<Index> antidiagonal(Index position, std::vector<KeyRange> visible) {
  World world(200, 1);
  world.position = position;
  return world.wanted(std::move(visible), [](const auto& seen, auto& wanted) {
    crest::Antidiagonal{.block = 8, .stride = 4}.sample(0, seen, wanted);
  });
}

TEST(Antidiagonal, SamplesMoveAgainstTheQuery) {
  EXPECT_EQ(antidiagonal(0, {{0, 20}}), range(3, 20, 4));
  EXPECT_EQ(antidiagonal(1, {{0, 20}}), range(2, 20, 4));
  EXPECT_EQ(antidiagonal(103, {{0, 20}}), range(0, 20, 4));
  EXPECT_EQ(antidiagonal(2, {{5, 12}, {14, 16}}), range(5, 12, 4));
  EXPECT_EQ(antidiagonal(-3, {{0, 20}}), range(2, 20, 4));
}

/// Three blocks of 8 whose samples weigh 2, 3 and 1.
TEST(Antidiagonal, TakesTheFewestBlocksThatHoldTheMass) {
  World world(200, 1, {{3, {0.0f}}, {7, {0.0f}}, {11, {std::log(3.0f)}}, {19, {0.0f}}});
  const auto blocks = [&](float mass, Index round = 1) {
    return world.wanted({{0, 200}}, [&](const auto& seen, auto& wanted) {
      crest::Antidiagonal{.block = 8, .stride = 4, .mass = mass}.sample(round, seen, wanted);
    });
  };
  EXPECT_EQ(blocks(0.45f), range(8, 16));
  EXPECT_EQ(blocks(0.6f), range(0, 16));
  EXPECT_EQ(blocks(0.8f), range(0, 16));
  EXPECT_EQ(blocks(0.9f), range(0, 24));
  EXPECT_EQ(blocks(0.9f, 2), range(0, 0));
}

TEST(Recent, AsksForAndKeepsTheEnds) {
  const crest::Recent recent{.sinks = 2, .window = 5};
  EXPECT_EQ(sampled(recent, 0, {{0, 100}}), range(0, 2) + range(95, 100));
  EXPECT_EQ(sampled(recent, 1, {{0, 100}}), range(0, 0));
  EXPECT_EQ(World(200, 1).wanted({{0, 100}}, [&](const auto& seen, auto& kept) { recent.select(seen, kept); }),
            range(0, 2) + range(95, 100));
}

TEST(Stay, AsksForNothing) { EXPECT_EQ(refined(crest::Stay{}, {{8, {1.0f}}}), range(0, 0)); }

TEST(Window, SurroundsTheBestSample) {
  const Scores scores = {{32, {1.0f}}, {64, {5.0f}}, {96, {-2.0f}}};
  EXPECT_EQ(refined(crest::Window{.reach = 3, .peaks = 1}, scores), range(61, 68));
  EXPECT_EQ(refined(crest::Window{.reach = 0, .peaks = 1}, scores), range(64, 65));
  EXPECT_EQ(refined(crest::Window{.reach = 3, .peaks = 1}, scores, 1), range(0, 0));
}

TEST(Window, TakesTheBestPeaksOnly) {
  const Scores scores = {{16, {4.0f}}, {32, {1.0f}}, {64, {5.0f}}, {96, {3.0f}}};
  EXPECT_EQ(refined(crest::Window{.reach = 1, .peaks = 2}, scores), range(15, 18) + range(63, 66));
  EXPECT_EQ(refined(crest::Window{.reach = 1, .peaks = 3}, scores), range(15, 18) + range(63, 66) + range(95, 98));
  EXPECT_EQ(refined(crest::Window{.reach = 1, .peaks = 9}, scores),
            range(15, 18) + range(31, 34) + range(63, 66) + range(95, 98));
}

TEST(Window, StopsAtTheEnds) {
  EXPECT_EQ(refined(crest::Window{.reach = 5, .peaks = 1}, {{2, {0.0f}}}), range(0, 8));
  EXPECT_EQ(refined(crest::Window{.reach = 5, .peaks = 1}, {{198, {0.0f}}}), range(193, 200));
}

TEST(Window, LooksForEveryHead) {
  const Scores scores = {{40, {9.0f, 0.0f}}, {80, {0.0f, 9.0f}}};
  EXPECT_EQ(refined(crest::Window{.reach = 2, .peaks = 1}, scores), range(38, 43) + range(78, 83));
}

TEST(Climb, AsksForTheNeighboursOfTheTopsOfHills) {
  const Scores scores = {{10, {1.0f}}, {11, {3.0f}}, {12, {2.0f}}, {50, {5.0f}}, {51, {6.0f}}, {90, {0.0f}}};
  EXPECT_EQ(refined(crest::Climb{.peaks = 1}, scores), range(50, 53));
  EXPECT_EQ(refined(crest::Climb{.peaks = 2}, scores), range(10, 13) + range(50, 53)) << "the second is done";
  EXPECT_EQ(refined(crest::Climb{.peaks = 3}, scores), range(10, 13) + range(50, 53) + range(89, 92));
  EXPECT_EQ(refined(crest::Climb{.peaks = 1, .steps = 4}, scores, 3), range(50, 53));
  EXPECT_EQ(refined(crest::Climb{.peaks = 1, .steps = 4}, scores, 4), range(0, 0));
}

TEST(Climb, IgnoresNan) {
  EXPECT_EQ(refined(crest::Climb{.peaks = 2}, {{40, {NAN}}, {80, {-3.0f}}, {81, {NAN}}}), range(79, 82));
}

TEST(Window, IgnoresNan) {
  const Scores scores = {{40, {NAN}}, {80, {-3.0f}}, {120, {NAN}}};
  EXPECT_EQ(refined(crest::Window{.reach = 1, .peaks = 2}, scores), range(79, 82));
}

TEST(Plateau, KeepsWithinDropOfTheHighest) {
  World world(200, 2, {{5, {1.0f, -7.0f}}, {9, {3.5f, -20.0f}}, {70, {-1.0f, -9.0f}}});
  EXPECT_FLOAT_EQ(crest::Plateau{4}.floor(world.seen(), 0), -0.5f);
  EXPECT_FLOAT_EQ(crest::Plateau{4}.floor(world.seen(), 1), -11.0f);
  EXPECT_FLOAT_EQ(crest::Plateau{}.floor(world.seen(), 0), -4.5f);
}

TEST(TopKeys, KeepsTheBestAndTies) {
  World world(200, 2, {{5, {1, 9}}, {9, {3, 9}}, {70, {-1, 8}}, {71, {NAN, 9}}});
  EXPECT_FLOAT_EQ(crest::TopKeys{2}.floor(world.seen(), 0), 1);
  EXPECT_FLOAT_EQ(crest::TopKeys{2}.floor(world.seen(), 1), 9);
  EXPECT_EQ(crest::TopKeys{4}.floor(world.seen(), 0), -infinity) << "NaN is no key to count";
}

TEST(Plateau, OfNothingKeepsEverything) { EXPECT_EQ(crest::Plateau{}.floor(World(200, 1).seen(), 0), -infinity); }

TEST(Everything, HasNoFloor) {
  EXPECT_EQ(crest::Everything{}.floor(World(200, 1, {{5, {1.0f}}}).seen(), 0), -infinity);
}

TEST(Scored, TellsScoresInNats) {
  World world(200, 3, {{5, {1.0f, 2.0f, 3.0f}}, {150, {-4.0f, -5.0f, -6.0f}}});
  const crest::Scored seen = world.seen();
  EXPECT_EQ(seen.heads, 3);
  EXPECT_EQ(seen.keys.count(), 2);
  for (Index h = 0; h < 3; ++h) {
    EXPECT_FLOAT_EQ(seen.score(5, h), static_cast<float>(1 + h));
    EXPECT_FLOAT_EQ(seen.score(150, h), static_cast<float>(-4 - h));
    EXPECT_FLOAT_EQ(seen.peak(h), static_cast<float>(1 + h));
  }
}

TEST(Softmax, Lazy) {
  EXPECT_EQ(crest::Lazy{}.reference(-7.5f), -7.5f);
  EXPECT_EQ(crest::Lazy{}.limit(-7.5f), 32.5f);
  EXPECT_EQ(crest::Lazy{8}.limit(1.0f), 9.0f);
}

TEST(Softmax, Margin) {
  EXPECT_EQ(crest::Margin{}.reference(3.0f), 5.0f);
  EXPECT_EQ(crest::Margin{}.limit(5.0f), 45.0f);
  EXPECT_EQ((crest::Margin{.nats = 7, .headroom = 10}.reference(1.0f)), 8.0f);
  EXPECT_EQ((crest::Margin{.nats = 7, .headroom = 10}.limit(8.0f)), 18.0f);
}

TEST(Softmax, Rescaling) {
  EXPECT_EQ(crest::Rescaling{}.reference(3.0f), 3.0f);
  EXPECT_EQ(crest::Rescaling{}.limit(3.0f), 3.0f);
}

TEST(Recipe, OptionsOutOfRangeAreInvalid) {
  EXPECT_TRUE(crest::Stride{1}.valid());
  EXPECT_FALSE(crest::Stride{0}.valid() || crest::Stride{-4}.valid());
  EXPECT_TRUE((crest::Window{.reach = 0, .peaks = 1}.valid()));
  EXPECT_FALSE((crest::Window{.reach = -1}.valid() || crest::Window{.peaks = 0}.valid()));
  EXPECT_FALSE((crest::Window{.peaks = crest::Window::max_peaks + 1}.valid()));
  EXPECT_TRUE(crest::Plateau{0}.valid());
  EXPECT_FALSE(crest::Plateau{-1}.valid() || crest::Plateau{NAN}.valid());
  EXPECT_TRUE(crest::Lazy{0}.valid() && crest::Margin{0}.valid());
  EXPECT_FALSE(crest::Lazy{-1}.valid() || crest::Lazy{61}.valid() || crest::Lazy{NAN}.valid());
  EXPECT_FALSE(crest::Margin{-1}.valid() || crest::Margin{61}.valid());
  EXPECT_FALSE((crest::Margin{.headroom = -1}.valid() || crest::Margin{.headroom = 61}.valid()));
}

TEST(Recipe, WithChangesOnlyTheOptions) {
  constexpr crest::Recipe mine{crest::Stride{4}, crest::Window{}, crest::Margin{}, crest::Plateau{}};
  constexpr crest::Recipe tuned = mine.with({.keep_first = 1, .target_error = 0.5f});
  EXPECT_EQ(tuned.sampler.step, 4);
  EXPECT_EQ(tuned.options.keep_first, 1);
  EXPECT_EQ(tuned.options.keep_last, 64);
  EXPECT_EQ(tuned.options.target_error, 0.5f);
  EXPECT_EQ(mine.options.keep_first, 4);
}

}  // namespace
