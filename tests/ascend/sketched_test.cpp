// The sketched kernel: it must use every key that matters by a clear margin, none that clearly does not, know what it
// left out, and weigh what it used exactly.
#include "ascend/run.hpp"
#include "support/matrix.hpp"

namespace {

using namespace test;
using crest::Report;
using crest::ascend::Sketched;

Spec peaked_spec(Index group, Index keys, Index head_dim) {
  Spec spec = decode_spec(group, 2, keys, head_dim);
  spec.spread = 3;
  return spec;
}

/// Keys of one KV head that any of its query heads scores within `drop` nats of its highest score among the keys before
/// and in the same chunk: what the kernel aims at, in double.
Index count_wanted(const Problem<f16>& p, Index kv_head, double drop) {
  const Index chunk = static_cast<Index>(crest::ascend::max_samples) / p.gqa_group() / 64 * 64;
  std::vector<double> high(p.gqa_group(), -std::numeric_limits<double>::infinity());
  Index wanted = 0;
  for (Index from = 0; from < p.keys(); from += chunk) {
    std::vector<char> keep(chunk);
    for (Index h = 0; h < p.gqa_group(); ++h) {
      std::vector<double> scores;
      for (Index key = from; key < std::min(p.keys(), from + chunk); ++key)
        scores.push_back(oracle::score(p, kv_head * p.gqa_group() + h, 0, key));
      for (double s : scores) high[h] = std::max(high[h], s);
      for (std::size_t i = 0; i < scores.size(); ++i) keep[i] |= scores[i] >= high[h] - drop;
    }
    wanted += std::count(keep.begin(), keep.end(), 1);
  }
  return wanted;
}

/// Share of a head's softmax mass that is not in its lse.
double left_out(const Problem<f16>& p, Index head, const oracle::Row& dense) {
  return 1 - std::exp(static_cast<double>(p.lse(head, 0)) - dense.lse);
}

TEST(AscendSketched, Shapes) {
  EmulatedDevice device(3);
  constexpr double blur = 0.4;  // nats: what int8 keys and f16 sums may be off, at these scores
  for (Index head_dim : {64, 128})
    for (Index group : {1, 3, 9})
      for (Index keys : {1, 2, 63, 65, 129, 1000, 1501}) {
        SCOPED_TRACE(testing::Message() << "head_dim " << head_dim << " group " << group << " keys " << keys);
        Case<f16> c(peaked_spec(group, keys, head_dim));
        const Sketched recipe{.drop = 5, .options = {.keep_first = 0, .keep_last = 0}};
        const Report r = on_ascend(device, c.problem, recipe);
        const Index least = count_wanted(c.problem, 0, 5 - blur) + count_wanted(c.problem, 1, 5 - blur);
        const Index most = count_wanted(c.problem, 0, 5 + blur) + count_wanted(c.problem, 1, 5 + blur);
        EXPECT_GE(r.keys_used, group * least);
        EXPECT_LE(r.keys_used, group * most);
        const auto dense = oracle::solve(c.problem);
        for (Index h = 0; h < c.problem.heads(); ++h) {
          const double missed = left_out(c.problem, h, dense[h]);
          EXPECT_LE(std::abs(c.problem.error(h, 0) - missed), 0.1 * missed + 1e-5);
          EXPECT_LE(relative_l2(c.problem, h, 0, dense[h]), 4 * missed + f32_tolerance);
        }
      }
}

TEST(AscendSketched, UsesEverythingWhenAllowed) {
  EmulatedDevice device;
  for (Index keys : {70, 4500}) {
    Case<f16> c(decode_spec(4, 1, keys, 128));
    const Report r = on_ascend(device, c.problem, Sketched{.drop = 100});
    EXPECT_EQ(r.keys_used, r.keys_visible);
    EXPECT_EQ(r.worst_error, 0);
    expect_close(c.problem, oracle::solve(c.problem), f32_tolerance);
  }
}

TEST(AscendSketched, KeepsFirstAndLast) {
  EmulatedDevice device;
  Case<f16> c(peaked_spec(2, 3000, 64));
  const Index bare =
      on_ascend(device, c.problem, Sketched{.drop = 0, .options = {.keep_first = 0, .keep_last = 0}}).keys_used;
  const Index more =
      on_ascend(device, c.problem, Sketched{.drop = 0, .options = {.keep_first = 7, .keep_last = 50}}).keys_used;
  EXPECT_LE(bare, 2 * 2 * 3 * 2 + 4) << "the best key of 2 heads in 3 chunks of 2 KV heads, counted for 2 heads; ties";
  EXPECT_GE(more, bare + 4 * 50);
  EXPECT_LE(more, bare + 4 * 57);
}

TEST(AscendSketched, MasksAndBatches) {
  EmulatedDevice device;
  for (const Mask& mask : masks) {
    Spec spec = decode_spec(2, 1, 500, 64);
    spec.shape.queries = 2;
    spec.mask = mask;
    std::vector<Case<f16>> cases;
    cases.emplace_back(spec);
    cases.emplace_back(decode_spec(2, 3, 170, 64));
    const std::vector<Problem<f16>> problems{cases[0].problem, cases[1].problem};
    EXPECT_EQ(on_ascend(device, problems, Sketched{.drop = 100}).fallbacks, 0);
    for (auto& c : cases) expect_close(c.problem, oracle::solve(c.problem), f32_tolerance);
  }
}

TEST(AscendSketched, StartsAgainWhenALaterChunkIsFarAbove) {
  EmulatedDevice device;
  Case<f16> c(decode_spec(8, 1, 1000, 64));
  for (Index x = 0; x < 64; ++x) c.k.set(0, 900, x, 9 * c.q.get(0, 0, x));  // the third chunk, for one head
  c.problem.scale = 1;
  const Report r = on_ascend(device, c.problem, Sketched{.drop = 40});
  EXPECT_GT(r.rescales, 0);
  expect_close(c.problem, oracle::solve(c.problem), 2e-4);
}

TEST(AscendSketched, TargetErrorFallsBackToExact) {
  EmulatedDevice device;
  Case<f16> c(decode_spec(2, 1, 3000, 64));
  EXPECT_EQ(on_ascend(device, c.problem, Sketched{.drop = 1}).fallbacks, 0);
  const Report strict = on_ascend(device, c.problem, Sketched{.drop = 1, .options = {.target_error = 0.01f}});
  EXPECT_EQ(strict.fallbacks, 2);
  expect_close(c.problem, oracle::solve(c.problem), f32_tolerance);
}

}  // namespace
