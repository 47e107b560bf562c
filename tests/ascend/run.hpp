// Runs Problems on the emulated device.
#pragma once

#include <gtest/gtest.h>

#include "ascend/emulated_device.hpp"
#include "crest/ascend/host.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"

namespace test {

using crest::f16;
using crest::ascend::Ascend;
using crest::ascend::AscendOptions;
using crest::ascend::Mapping;

constexpr bool is_910b = __CCE_AICORE__ == 220;

/// Relative error allowed against double on the same f16 inputs: all work is in f32.
constexpr double f32_tolerance = 1e-5;

/// Runs a Problem or a batch; the call must succeed. What the emulation refuses fails the test by its exception.
template <class D, class Problems, class R>
crest::Report on_ascend(D& device, const Problems& problems, const R& recipe, AscendOptions options = {}) {
  const crest::Report r = crest::attention(problems, recipe, crest::this_thread_serial(), Ascend(device, options));
  EXPECT_TRUE(r.ok()) << crest::to_string(r.status) << ", expected " << r.expected << ", found " << r.found;
  return r;
}

/// Runs exact and compares with the oracle.
inline void expect_exact(EmulatedDevice& device, Case<f16>& c, double tolerance = f32_tolerance) {
  const crest::Report r = on_ascend(device, c.problem, crest::exact);
  EXPECT_EQ(r.keys_used, r.keys_visible);
  expect_close(c.problem, oracle::solve(c.problem), tolerance);
}

/// The mappings this chip offers.
inline std::vector<Mapping> mappings() {
  if (is_910b) return {Mapping::one_core, Mapping::two_cores};
  return {Mapping::one_core};
}

inline Spec decode_spec(Index group, Index kv_heads, Index keys, Index head_dim) {
  return {.shape = {.heads = group * kv_heads,
                    .kv_heads = kv_heads,
                    .keys = keys,
                    .head_dim = head_dim,
                    .value_dim = head_dim},
          .seed = static_cast<std::uint64_t>(group + 31 * keys + head_dim)};
}

/// Problems with peaks and plateaus: smooth keys, scores of some ten nats.
inline Spec smooth_spec(Index group, Index keys, Index head_dim) {
  Spec spec = decode_spec(group, 1, keys, head_dim);
  spec.data = Data::smooth;
  spec.spread = 6;
  return spec;
}

inline crest::Clustered recipe(Index step, Index reach, Index peaks, float drop, crest::RecipeOptions options = {}) {
  return {crest::Stride{step}, crest::Window{reach, peaks}, crest::Margin{}, crest::Plateau{drop}, options};
}

}  // namespace test
