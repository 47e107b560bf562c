// BlockMean, TopBlocks and TopClusters against slow twins, and what they do when the index is not what they need.
#include <gtest/gtest.h>

#include "crest/executors.hpp"
#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/expected_report.hpp"

namespace {

using crest::Grouping;
using crest::Index;
using crest::KeyIndex;
using crest::Recipe;
using crest::Status;
using reference::Keys;
using test::Case;
using test::Data;

constexpr crest::RecipeOptions few_always{.keep_first = 1, .keep_last = 3};

template <class S>
constexpr auto recipe_of(const S& sampler) {
  return Recipe{sampler, crest::Stay{}, crest::Margin{}, crest::Everything{}, few_always};
}

/// An index of the keys of a Case, and the Case's problem with it.
template <class T>
struct Indexed {
  KeyIndex index;
  crest::Problem<T> problem;

  Indexed(Case<T>& c, const crest::IndexOptions& options)
      : index(c.problem.kv_heads(), c.problem.head_dim(), options), problem(c.problem) {
    EXPECT_EQ(index.append(c.k.view()), Status::ok);
    problem.index = &index;
  }
};

Keys members(const crest::IndexView& v, Index group) {
  Keys keys;
  v.each_run(group, [&](crest::KeyRange run) {
    for (Index key = run.first; key < run.last; ++key) keys.insert(key);
  });
  return keys;
}

/// The score of a group for one head, from its keys: of their mean, or a bound on all of them.
template <class T>
double group_score(const crest::Problem<T>& p, Grouping grouping, const Keys& keys, Index head, Index query) {
  double score = 0;
  for (Index x = 0; x < p.head_dim(); ++x) {
    const double q = oracle::element(p.q, head, query, x);
    double sum = 0, most = -INFINITY;
    for (Index key : keys) {
      const double product = q * oracle::element(p.k, head / p.gqa_group(), key, x);
      sum += product, most = std::max(most, product);
    }
    score += grouping == Grouping::bounds ? most : sum / static_cast<double>(keys.size());
  }
  return score / std::sqrt(static_cast<double>(p.head_dim()));
}

/// Which keys a head takes: those of the best groups that hold a share of what it sees.
template <class T>
Keys taken(const crest::Problem<T>& p, float share, Index head, Index query, const Keys& visible) {
  const crest::IndexView v = p.index->view(head / p.gqa_group());
  std::vector<std::pair<double, Keys>> groups;
  for (Index g = 0; g < v.groups; ++g)
    if (const Keys keys = members(v, g); !keys.empty())
      groups.emplace_back(group_score(p, v.grouping, keys, head, query), keys);
  std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  Keys all;
  for (const auto& [score, keys] : groups) {
    if (static_cast<double>(all.size()) >= share * static_cast<double>(visible.size())) break;
    for (Index key : keys)
      if (visible.contains(key)) all.insert(key);
  }
  return all;
}

template <class T, class S>
reference::Look looked(const crest::Problem<T>& p, const S& sampler, Index kv_head, Index query) {
  reference::Look look = reference::see(p, kv_head, query);
  for (Index h = 0; h < p.gqa_group(); ++h)
    look.sampled.merge(taken(p, sampler.share, kv_head * p.gqa_group() + h, query, look.visible));
  look.kept = reference::always(look.visible, few_always);
  look.scored = look.sampled;
  look.scored.insert(look.kept.begin(), look.kept.end());
  look.kept = look.scored;
  return look;
}

template <class T, class S>
void expect_as_the_twin(Case<T>& c, const S& sampler, Index group_keys) {
  const Indexed<T> indexed(c, {.grouping = S::grouping, .group_keys = group_keys});
  const crest::Problem<T>& p = indexed.problem;
  const crest::IndexView v = indexed.index.view(0);
  test::for_each_backend([&](crest::Backend backend) {
    const crest::Report report = test::run(p, recipe_of(sampler), backend);
    std::uint64_t bytes = static_cast<std::uint64_t>(p.kv_heads() * p.queries() * v.groups * v.row) * sizeof(float);
    test::ExpectedReport<T> expected(p, [&](Index kv_head, Index query) {
      const reference::Look look = looked(p, sampler, kv_head, query);
      if (S::grouping == Grouping::clusters) bytes += 4 * look.sampled.size();
      return look;
    });
    expected.add_bytes(bytes);
    expected.check(report);
  });
}

template <class S>
void expect_as_the_twin_everywhere(const S& sampler) {
  std::uint64_t seed = 1;
  for (Data data : {Data::smooth, Data::normal, Data::heavy})
    for (Index keys : {1, 40, 700})
      for (Index group : {1, 2, 3}) {
        Case<float> c({.shape = {.heads = 2 * group, .keys = keys, .head_dim = 20, .value_dim = 24},
                       .data = data,
                       .seed = ++seed});
        expect_as_the_twin(c, sampler, 16);
      }
  for (crest::Mask mask : {crest::Mask{.causal = true}, {.causal = true, .window = 200, .sinks = 9}}) {
    Case<float> c({.shape = {.heads = 2, .kv_heads = 1, .queries = 3, .keys = 500}, .mask = mask});
    expect_as_the_twin(c, sampler, 7);
  }
  Case<float> some({.shape = {.heads = 5, .kv_heads = 1, .queries = 2, .keys = 600}, .data = Data::smooth});
  some.see({{{3, 40}, {41, 42}, {100, 350}}, {{0, 1}, {590, 600}}});
  expect_as_the_twin(some, sampler, 32);
  Case<crest::f16> half({.shape = {.keys = 300}});
  expect_as_the_twin(half, sampler, 16);
  Case<crest::bf16> brain({.shape = {.keys = 300}, .data = Data::smooth});
  expect_as_the_twin(brain, sampler, 16);
}

TEST(BlockMean, DoesAsItsTwin) { expect_as_the_twin_everywhere(crest::BlockMean{}); }
TEST(TopBlocks, DoesAsItsTwin) { expect_as_the_twin_everywhere(crest::TopBlocks{.share = 0.25f}); }
TEST(TopClusters, DoesAsItsTwin) { expect_as_the_twin_everywhere(crest::TopClusters{.share = 0.15f}); }

TEST(GroupSamplers, AShareOfOneIsExact) {
  Case<float> c({.shape = {.heads = 6, .queries = 2, .keys = 500}});
  const Indexed<float> indexed(c, {.grouping = Grouping::clusters});
  const crest::Report report = test::run(indexed.problem, recipe_of(crest::TopClusters{.share = 1}));
  test::expect_close(indexed.problem);
  EXPECT_EQ(report.keys_used, report.keys_visible);
}

TEST(GroupSamplers, OfNothingGiveNothing) {
  for (Grouping grouping : {Grouping::bounds}) {
    Case<float> c({.shape = {.keys = 0}});
    const Indexed<float> indexed(c, {.grouping = grouping});
    EXPECT_EQ(test::run(indexed.problem, recipe_of(crest::TopBlocks{})).keys_used, 0);
    EXPECT_EQ(c.problem.o(0, 0, 0), 0);
  }
}

/// Compares the scores of blocks with those of their keys.
struct Bounded {
  const crest::Problem<float>& p;
  static constexpr Grouping grouping = Grouping::bounds;

  void choose(const crest::GroupScores& groups, crest::Wanted& wanted) const {
    for (Index g = 0; g < groups.count(); ++g) {
      groups.want(g, wanted);
      for (Index h = 0; h < groups.heads; ++h) {
        double highest = -INFINITY;
        for (Index key : members(p.index->view(0), g)) highest = std::max(highest, oracle::score(p, h, 0, key));
        EXPECT_GE(groups.score(g, h), highest - 1e-5 * (1 + std::abs(highest)));
      }
    }
  }
};
static_assert(crest::GroupSampler<Bounded>);

TEST(TopBlocks, NoKeyExceedsTheBoundOfItsBlock) {
  for (Data data : {Data::normal, Data::heavy, Data::smooth})
    for (Index heads : {1, 2, 3, 5}) {
      Case<float> c({.shape = {.heads = heads, .kv_heads = 1, .keys = 333, .head_dim = 37}, .data = data});
      const Indexed<float> indexed(c, {.grouping = Grouping::bounds, .group_keys = 10});
      test::for_each_backend([&](crest::Backend backend) {
        test::compute(indexed.problem, recipe_of(Bounded{indexed.problem}), backend);
      });
    }
}

/// A lone key whose score exceeds all other bounds lies in the block of the highest.
TEST(TopBlocks, FindASpike) {
  Case<float> c({.shape = {.heads = 1, .kv_heads = 1, .keys = 640, .head_dim = 16}, .spread = 0.1f});
  c.k.fill_row(0, 333, [&](Index x) { return 60 * c.q.get(0, 0, x); });
  c.v.set(0, 333, 0, NAN);
  const Indexed<float> bounds(c, {.grouping = Grouping::bounds});
  test::compute(bounds.problem, recipe_of(crest::TopBlocks{.share = 0.02f}));
  EXPECT_TRUE(std::isnan(c.problem.o(0, 0, 0)));
}

TEST(GroupSamplers, NanIsAlwaysLookedAt) {
  Case<float> c({.shape = {.heads = 1, .kv_heads = 1, .keys = 640}});
  c.k.set(0, 321, 5, NAN);
  const Indexed<float> indexed(c, {.grouping = Grouping::bounds});
  test::compute(indexed.problem, recipe_of(crest::TopBlocks{.share = 0.01f}));
  EXPECT_TRUE(std::isnan(c.problem.o(0, 0, 0)));
}

TEST(GroupSamplers, RowsBeyondTheTargetAreDoneExactly) {
  Case<float> c({.shape = {.queries = 2, .keys = 900}});
  const Indexed<float> indexed(c, {.grouping = Grouping::means});
  const crest::Report report =
      test::run(indexed.problem, recipe_of(crest::BlockMean{.share = 0.05f}).with({.target_error = 1e-6f}));
  EXPECT_EQ(report.fallbacks, report.rows);
  test::expect_close(indexed.problem);
}

TEST(GroupSamplers, GiveTheSameBitsOnAnyNumberOfThreads) {
  Case<float> c({.shape = {.heads = 6, .kv_heads = 3, .queries = 5, .keys = 400}, .mask = {.causal = true}});
  const Indexed<float> indexed(c, {.grouping = Grouping::clusters});
  const Recipe recipe{crest::TopClusters{}, crest::Stay{}, crest::Margin{}, crest::MassStride{.share = 0.5f}};
  test::compute(indexed.problem, recipe);
  const auto serial = c.o.bytes();
  crest::Pool pool(3);
  c.reset();
  EXPECT_TRUE(crest::attention(indexed.problem, recipe, pool).ok());
  EXPECT_EQ(c.o.bytes(), serial);
}

void expect_refused(const crest::Problem<float>& p, Status status, Index expected, Index found) {
  const crest::Report report = crest::attention(p, recipe_of(crest::BlockMean{}));
  EXPECT_EQ(report.status, status) << crest::to_string(report.status);
  EXPECT_EQ(report.expected, expected);
  EXPECT_EQ(report.found, found);
  EXPECT_EQ(crest::scratch_bytes(p, recipe_of(crest::BlockMean{})), 0u);
}

TEST(GroupSamplers, AnIndexThatDoesNotFitIsRefused) {
  Case<float> c({.shape = {.keys = 100}}), more({.shape = {.keys = 101}}), fewer({.shape = {.keys = 99}}),
      lone({.shape = {.heads = 1, .kv_heads = 1, .keys = 100}}), narrow({.shape = {.keys = 100, .head_dim = 16}});
  const auto refused = [&](Case<float>& other, Grouping grouping, Status status, Index expected, Index found) {
    const Indexed<float> indexed(other, {.grouping = grouping});
    crest::Problem<float> p = c.problem;
    p.index = &indexed.index;
    expect_refused(p, status, expected, found);
  };
  expect_refused(c.problem, Status::index_null, 1, 0);
  refused(more, Grouping::means, Status::index_keys, 100, 101);
  refused(fewer, Grouping::means, Status::index_keys, 100, 99);
  refused(lone, Grouping::means, Status::index_kv_heads, 2, 1);
  refused(narrow, Grouping::means, Status::index_head_dim, 32, 16);
  refused(c, Grouping::bounds, Status::index_grouping, 0, 1);
  EXPECT_TRUE(c.untouched());
  for (float share : {0.0f, 1.5f, NAN})
    EXPECT_EQ(crest::attention(c.problem, recipe_of(crest::BlockMean{.share = share})).status, Status::recipe_sampler);
}

}  // namespace
