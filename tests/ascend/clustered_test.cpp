// The clustered kernels: which keys they use, and that their output is the softmax over exactly these keys.
#include "ascend/clustered_reference.hpp"
#include "ascend/run.hpp"
#include "support/matrix.hpp"
#include "support/slopes.hpp"

namespace {

using namespace test;
using crest::Clustered;
using crest::Report;

/// What a call did, for those who care.
struct Outcome {
  Index used, visible, rescales;
};

/// Runs, and compares output, counts and estimates with the reference.
Outcome expect_as_documented(Case<f16>& c, const Clustered& recipe, AscendOptions options = {}) {
  EmulatedDevice device(3);
  c.reset();
  const Report r = on_ascend(device, c.problem, recipe, options);
  const std::span<const Problem<f16>> one(&c.problem, 1);
  const auto grid = crest::ascend::grid(one, crest::ascend::clustered_limits(one, recipe.sampler.step));
  Index used = 0, sampled = 0;
  crest::ascend::for_each_bundle(one, [&](const crest::ascend::Bundle& b) {
    const reference::Look look = reference::look(c.problem, b, recipe, grid);
    used += b.heads * static_cast<Index>(look.used.size());
    sampled += b.heads * look.sampled;
    for (Index h = 0; h < b.heads; ++h) {
      const oracle::Row wanted = oracle::attend(c.problem, b.head + h, b.query, look.used);
      EXPECT_LE(relative_l2(c.problem, b.head + h, b.query, wanted), f32_tolerance);
      EXPECT_LE(lse_distance(c.problem.lse(b.head + h, b.query), wanted.lse), f32_tolerance);
      EXPECT_LE(std::abs(c.problem.error(b.head + h, b.query) - look.missed[h]), 1e-4 * look.missed[h] + 1e-12);
    }
  });
  EXPECT_EQ(r.keys_used, used);
  EXPECT_EQ(r.keys_sampled, sampled);
  return {r.keys_used, r.keys_visible, r.rescales};
}

TEST(AscendClustered, Shapes) {
  for (Mapping mapping : mappings())
    for (Index head_dim : {64, 128})
      for (Index group : {1, 3, 9})
        for (Index keys : {5, 64, 1000, 1024, 1500}) {
          SCOPED_TRACE(testing::Message() << "head_dim " << head_dim << " group " << group << " keys " << keys);
          Case<f16> c(smooth_spec(group, keys, head_dim));
          expect_as_documented(c, crest::clustered, {mapping});
        }
}

TEST(AscendClustered, Recipes) {
  const crest::RecipeOptions none{.keep_first = 0, .keep_last = 0}, much{.keep_first = 100, .keep_last = 200};
  for (Mapping mapping : mappings())
    for (const Clustered& r : {recipe(16, 32, 4, 8), recipe(16, 0, 1, 0, none), recipe(7, 20, 2, 3, none),
                               recipe(64, 10, 3, 5, much), recipe(2, 5, 16, 1, none), recipe(1, 0, 1, 6)}) {
      Case<f16> c(smooth_spec(2, 1800, 64));
      expect_as_documented(c, r, {mapping});
    }
}

TEST(AscendClustered, ManyPieces) {
  for (Mapping mapping : mappings()) {
    Case<f16> c(smooth_spec(3, 13000, 64));
    const Outcome r = expect_as_documented(c, recipe(16, 16, 1, 4), {mapping});
    EXPECT_LT(r.used, r.visible / 2);
  }
}

TEST(AscendClustered, MasksAndRanges) {
  for (const Mask& mask : masks) {
    Spec spec = smooth_spec(2, 700, 64);
    spec.shape.queries = 2;
    spec.mask = mask;
    Case<f16> c(spec);
    expect_as_documented(c, recipe(16, 16, 1, 3, {.keep_first = 4, .keep_last = 20}));
  }
  Spec spec = smooth_spec(2, 900, 64);
  spec.shape.queries = 3;
  Case<f16> c(spec);
  c.see(holes(spec.shape, 9));
  expect_as_documented(c, recipe(8, 8, 1, 3));
}

TEST(AscendClustered, StartsAgainWhenTheSampleMissedTheMaximum) {
  for (Mapping mapping : mappings()) {
    // One key 90 nats above its sampled neighbours, in the window.
    auto c =
        scores_along_keys<f16>({.heads = 2, .kv_heads = 1, .keys = 600, .head_dim = 64, .value_dim = 64}, [](Index j) {
          return j == 301 ? 90.0 : j > 280 && j < 320 ? 3.0 : 0.0;
        });
    EXPECT_GT(expect_as_documented(c, crest::clustered, {mapping}).rescales, 0);
  }
}

TEST(AscendClustered, TargetErrorFallsBackToExact) {
  Case<f16> c(decode_spec(2, 1, 3000, 64));  // white noise: the samples know that much is left out
  EmulatedDevice device;
  const Report loose = on_ascend(device, c.problem, recipe(16, 16, 1, 1));
  EXPECT_EQ(loose.fallbacks, 0);
  EXPECT_GT(loose.worst_error, 0.2f);
  const Report strict = on_ascend(device, c.problem, recipe(16, 16, 1, 1, {.target_error = 0.05f}));
  EXPECT_EQ(strict.fallbacks, 2);
  EXPECT_EQ(strict.worst_error, 0);
  EXPECT_EQ(strict.keys_used, strict.keys_visible);
  EXPECT_EQ(strict.bytes_read, loose.bytes_read + strict.bytes_dense);
  expect_close(c.problem, oracle::solve(c.problem), f32_tolerance);
}

TEST(AscendClustered, RaggedBatch) {
  EmulatedDevice device(4);
  for (Mapping mapping : mappings()) {
    std::vector<Case<f16>> cases;
    std::vector<Problem<f16>> problems;
    for (Index keys : {300, 0, 1, 2000}) cases.emplace_back(smooth_spec(2, keys, 64));
    for (auto& c : cases) problems.push_back(c.problem);
    const Report r = on_ascend(device, problems, recipe(1, 0, 1, 100), {mapping});  // everything is within 100 nats
    EXPECT_EQ(r.keys_used, 2 * 2301);
    for (auto& c : cases) expect_close(c.problem, oracle::solve(c.problem), f32_tolerance);
  }
}

}  // namespace
