// Cascades: a prefix read once gives every sequence what it would have had alone.
#include "crest/cascade.hpp"

#include <gtest/gtest.h>

#include "crest/executors.hpp"
#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"

namespace {

using crest::Index;
using crest::Problem;
using crest::Report;
using crest::Status;

/// Three sequences of 1, 2 and 1 queries behind a common prefix; the last has no key of its own.
struct Family {
  static constexpr Index heads = 6, kv_heads = 2, dim = 40, value_dim = 24, sequences = 3;
  static constexpr std::array<Index, 3> queries{1, 2, 1}, keys{300, 2600, 0};
  Index prefix_keys;
  std::vector<test::Case<float>> whole;  ///< each sequence alone, prefix included
  test::Tensor<float> q{{heads, 4, dim}}, o{{heads, 4, value_dim}}, lse{{1, heads, 4}};
  std::vector<Problem<float>> rest;
  Problem<float> prefix;

  explicit Family(Index shared) : prefix_keys(shared) {
    for (Index s = 0; s < sequences; ++s) add(s);
    Index at = 0;
    for (Index s = 0; s < sequences; ++s)
      for (Index i = 0; i < queries[s]; ++i, ++at)
        for (Index h = 0; h < heads; ++h) q.fill_row(h, at, [&](Index x) { return whole[s].q.get(h, i, x); });
    const auto& first = whole[0].problem;
    prefix = first, prefix.q = q.view(), prefix.o = o.view(), prefix.lse = lse.plane(), prefix.error = {};
    prefix.mask = {};
    prefix.k = cut(first.k, 0, prefix_keys), prefix.v = cut(first.v, 0, prefix_keys);
  }

 private:
  void add(Index s) {
    whole.emplace_back(test::Spec{.shape = {.heads = heads,
                                            .kv_heads = kv_heads,
                                            .queries = queries[s],
                                            .keys = prefix_keys + keys[s],
                                            .head_dim = dim,
                                            .value_dim = value_dim},
                                  .mask = {.causal = keys[s] > 0},
                                  .seed = static_cast<std::uint64_t>(s) + 5});
    test::Case<float>& c = whole.back();
    for (Index h = 0; h < kv_heads && s > 0; ++h)
      for (Index j = 0; j < prefix_keys; ++j) {
        c.k.fill_row(h, j, [&](Index x) { return whole[0].k.get(h, j, x); });
        c.v.fill_row(h, j, [&](Index x) { return whole[0].v.get(h, j, x); });
      }
    Problem<float> own = c.problem;
    own.k = cut(own.k, prefix_keys, keys[s]), own.v = cut(own.v, prefix_keys, keys[s]);
    rest.push_back(own);
  }
  static crest::TensorView<const float, 3> cut(const crest::TensorView<const float, 3>& t, Index from, Index count) {
    return {t.data_handle() + from * t.stride(1), {t.extent(0), count, t.extent(2)}, {t.stride(0), t.stride(1), 1}};
  }
};

TEST(Cascade, GivesEverySequenceWhatItWouldHaveAlone) {
  for (Index shared : {0, 1, 700, 5000}) {
    SCOPED_TRACE(shared);
    Family f(shared);
    std::vector<std::vector<oracle::Row>> wanted;
    for (const auto& c : f.whole) wanted.push_back(oracle::solve(c.problem));
    test::for_each_backend([&](crest::Backend backend) {
      const Report report = crest::cascade(f.prefix, std::span<const Problem<float>>(f.rest), crest::exact,
                                           crest::this_thread_serial(), backend);
      ASSERT_TRUE(report.ok());
      for (std::size_t s = 0; s < wanted.size(); ++s) test::expect_close(f.whole[s].problem, wanted[s]);
      EXPECT_EQ(report.rows, 6 * 4);
      EXPECT_EQ(report.keys_used, 6 * (4 * shared + 300 + 2599 + 2600));
    });
  }
}

TEST(Cascade, ReadsThePrefixOnce) {
  Family f(5000);
  const Report report = crest::cascade(f.prefix, std::span<const Problem<float>>(f.rest));
  const std::uint64_t row = 64 * sizeof(float), own = 2 * (300 + 2600);
  EXPECT_EQ(report.bytes_read, (own + 2 * 5000) * row);
}

TEST(Cascade, SinkLogitsCountOnce) {
  Family f(400);
  const std::vector<float> sinks{0, 1, 2, 3, -1, 5};
  std::vector<std::vector<oracle::Row>> wanted;
  for (std::size_t s = 0; s < f.rest.size(); ++s) {
    f.whole[s].problem.logits.sinks = f.rest[s].logits.sinks = sinks;
    wanted.push_back(oracle::solve(f.whole[s].problem));
  }
  ASSERT_TRUE(crest::cascade(f.prefix, std::span<const Problem<float>>(f.rest)).ok());
  for (std::size_t s = 0; s < wanted.size(); ++s) test::expect_close(f.whole[s].problem, wanted[s]);
}

TEST(Cascade, IsTheSameForAnyThreads) {
  Family f(3000);
  ASSERT_TRUE(crest::cascade(f.prefix, std::span<const Problem<float>>(f.rest)).ok());
  const auto alone = f.whole[1].o.bytes();
  crest::Pool pool(3);
  ASSERT_TRUE(crest::cascade(f.prefix, std::span<const Problem<float>>(f.rest), crest::exact, pool).ok());
  EXPECT_EQ(f.whole[1].o.bytes(), alone);
}

TEST(Cascade, RefusesWhatCannotBeMerged) {
  const auto refused = [](auto&& breaks) {
    Family f(100);
    breaks(f);
    const Status status = crest::cascade(f.prefix, std::span<const Problem<float>>(f.rest)).status;
    for (const auto& c : f.whole) EXPECT_TRUE(c.untouched());
    return status;
  };
  const std::vector<float> sinks(6);
  EXPECT_EQ(refused([](Family& f) { f.rest[1].lse = {}; }), Status::cascade_outputs);
  EXPECT_EQ(refused([](Family& f) { f.prefix.lse = {}; }), Status::cascade_outputs);
  EXPECT_EQ(refused([&](Family& f) { f.prefix.logits.sinks = sinks; }), Status::cascade_sinks);
  EXPECT_EQ(refused([](Family& f) { f.rest.pop_back(); }), Status::cascade_queries);
  EXPECT_EQ(refused([](Family& f) {
              f.rest[0].v = {f.rest[0].v.data_handle(), {2, 300, 23}, {24 * 300, 24, 1}};
            }),
            Status::cascade_shape);
}

}  // namespace
