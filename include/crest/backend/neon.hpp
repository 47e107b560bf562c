// The NEON backend: the kernel texts, compiled for AArch64 Advanced SIMD, which every AArch64 CPU has.
#pragma once

#include "crest/backend/cpu.hpp"
#include "crest/core/guide_shape.hpp"
#include "crest/core/hash.hpp"
#include "crest/core/integer_shape.hpp"
#include "crest/core/mixed_shape.hpp"
#include "crest/core/prefill_shape.hpp"
#include "crest/core/work.hpp"
#include "crest/policy/guided.hpp"
#include "crest/policy/integer.hpp"
#include "crest/policy/mixed.hpp"
#include "crest/policy/sparse.hpp"
#include "crest/policy/variant.hpp"
#include "crest/simd/target.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace neon {

/// Names this region; functions of the region are found through it.
struct Region {
  using Kernels = Region;
  static constexpr const char* name = "neon";
  static constexpr bool tiles = false;  ///< registers of matrices
  static bool supported() { return true; }
};

// Each text builds on those before it.
// clang-format off
#include "crest/simd/vec_neon.inl"
#include "crest/simd/load_part.inl"
#include "crest/simd/plain.inl"
#include "crest/simd/math.inl"
#include "crest/simd/storage.inl"
#include "crest/simd/tiles.inl"
#include "crest/simd/with_model.inl"
#include "crest/kernel/block.inl"
#include "crest/kernel/score.inl"
#include "crest/kernel/weigh.inl"
#include "crest/kernel/logits.inl"
#include "crest/kernel/accumulate.inl"
#include "crest/kernel/group.inl"
#include "crest/kernel/scan.inl"
#include "crest/kernel/multiply.inl"
#include "crest/kernel/float_products.inl"
#include "crest/kernel/prefill.inl"
#include "crest/kernel/look.inl"
#include "crest/kernel/groups.inl"
#include "crest/kernel/integer.inl"
#include "crest/kernel/missed.inl"
#include "crest/kernel/estimate.inl"
#include "crest/kernel/draw.inl"
#include "crest/kernel/drawn.inl"
#include "crest/kernel/guided.inl"
#include "crest/kernel/predict.inl"
#include "crest/kernel/kept.inl"
#include "crest/kernel/guided_task.inl"
#include "crest/kernel/sparse.inl"
#include "crest/kernel/tile_products.inl"
#include "crest/kernel/mixed.inl"
#include "crest/kernel/task.inl"
// clang-format on
#ifdef CREST_USER_KERNELS
#include CREST_USER_KERNELS
#endif

}  // namespace neon
}  // namespace CREST_ABI
}  // namespace crest
