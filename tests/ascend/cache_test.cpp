// Paged caches, interleaved heads, and the contiguous cache of sampled keys: same results as the packed cache, bit by
// bit.
#include "ascend/cache_layouts.hpp"
#include "ascend/run.hpp"

namespace {

using namespace test;

/// A ragged batch with peaks.
struct Batch {
  std::vector<Case<f16>> cases;
  std::vector<Problem<f16>> problems;
  CacheSpec cache;

  Batch(Index group, Index kv_heads, Index head_dim, std::vector<std::uint32_t> keys) {
    cache.kv_heads = static_cast<std::uint32_t>(kv_heads);
    cache.head_dim = static_cast<std::uint32_t>(head_dim);
    cache.keys = keys;
    for (std::uint32_t n : keys) {
      Spec spec = decode_spec(group, kv_heads, n, head_dim);
      spec.data = Data::smooth;
      spec.spread = 6;
      cases.emplace_back(spec);
    }
    for (auto& c : cases) problems.push_back(c.problem);
  }

  std::vector<float> outputs() const {
    std::vector<float> all;
    for (const auto& c : cases)
      for (Index h = 0; h < c.o.extents()[0]; ++h)
        for (Index x = 0; x < c.o.extents()[2]; ++x) all.push_back(c.o.get(h, 0, x));
    return all;
  }
};

template <class D, class R>
std::vector<float> outputs_on(D& device, Batch& batch, const R& recipe, AscendOptions options = {}) {
  for (auto& c : batch.cases) c.reset();
  const crest::Report r =
      crest::attention(batch.problems, recipe, crest::this_thread_serial(), Ascend(device, options));
  EXPECT_TRUE(r.ok());
  return batch.outputs();
}

TEST(AscendCache, PagedExact) {
  for (std::uint32_t page_rows : {16, 64, 99, 256}) {
    Batch batch(2, 3, 64, {1, 300, 64, 1700});
    batch.cache.page_rows = page_rows;
    batch.cache.interleaved = page_rows % 2 == 0;
    EmulatedDevice packed(4);
    PagedDevice paged(batch.cache, 4);
    EXPECT_EQ(outputs_on(packed, batch, crest::exact), outputs_on(paged, batch, crest::exact));
    for (auto& c : batch.cases) expect_close(c.problem, oracle::solve(c.problem), f32_tolerance);
  }
}

TEST(AscendCache, PagedClustered) {
  for (Mapping mapping : mappings())
    for (std::uint32_t page_rows : {16, 40, 128}) {
      Batch batch(3, 2, 128, {200, 1100});
      batch.cache.page_rows = page_rows;
      EmulatedDevice packed(4);
      PagedDevice paged(batch.cache, 4);
      EXPECT_EQ(outputs_on(packed, batch, crest::clustered), outputs_on(paged, batch, crest::clustered, {mapping}));
    }
}

TEST(AscendCache, PagedSketched) {
  for (std::uint32_t page_rows : {16, 99}) {
    Batch batch(3, 2, 64, {200, 2900});
    batch.cache.page_rows = page_rows;
    EmulatedDevice packed(4);
    PagedDevice paged(batch.cache, 4);
    const crest::ascend::Sketched recipe{.drop = 3};
    EXPECT_EQ(outputs_on(packed, batch, recipe), outputs_on(paged, batch, recipe));
  }
}

TEST(AscendCache, SampledKeys) {
  for (Mapping mapping : mappings()) {
    Batch batch(2, 1, 64, {3000, 77});
    EmulatedDevice packed(1);
    const auto wanted = outputs_on(packed, batch, crest::clustered);
    batch.cache.stride = 16;
    PagedDevice sampled(batch.cache, 1);
    EXPECT_EQ(wanted, outputs_on(sampled, batch, crest::clustered, {mapping}));
  }
}

}  // namespace
