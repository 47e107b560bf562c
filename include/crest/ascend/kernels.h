// The entry points. CANN compiles this file for the device; tests compile the same file against a host emulation.
//
// Pure vector kernels: one block per vector core, items dealt round robin. The MIX kernel wants one block per AI core.
#pragma once

#include "crest/ascend/clustered.h"
#include "crest/ascend/exact.h"
#include "crest/ascend/merge.h"
#include "crest/ascend/sketched.h"

namespace crest {
namespace ascend {

template <template <int> class Decoder>
__aicore__ inline void decode(const Operands& operands) {
  AscendC::TPipe pipe;
  if (reinterpret_cast<__gm__ Tiling*>(operands.tiling)->head_dim == 64) {
    Decoder<64> decoder;
    decoder.init(&pipe, operands);
    decoder.run();
  } else {
    Decoder<128> decoder;
    decoder.init(&pipe, operands);
    decoder.run();
  }
}

template <int D>
__aicore__ inline void merge(GM_ADDR records, GM_ADDR groups, GM_ADDR results, GM_ADDR tiling) {
  AscendC::TPipe pipe;
  Merger<D> merger;
  merger.init(&pipe, records, groups, results, tiling);
  merger.run();
}

}  // namespace ascend
}  // namespace crest

extern "C" __global__ __aicore__ void crest_exact(GM_ADDR q, GM_ADDR k, GM_ADDR v, GM_ADDR pages, GM_ADDR items,
                                                  GM_ADDR records, GM_ADDR info, GM_ADDR tiling) {
#if __CCE_AICORE__ == 220
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
#endif
  crest::ascend::decode<crest::ascend::ExactDecoder>({q, k, v, nullptr, pages, items, records, info, nullptr, tiling});
}

extern "C" __global__ __aicore__ void crest_clustered(GM_ADDR q, GM_ADDR k, GM_ADDR v, GM_ADDR samples, GM_ADDR pages,
                                                      GM_ADDR items, GM_ADDR records, GM_ADDR info, GM_ADDR tiling) {
#if __CCE_AICORE__ == 220
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
#endif
  crest::ascend::decode<crest::ascend::ClusteredDecoder>(
      {q, k, v, samples, pages, items, records, info, nullptr, tiling});
}

#if __CCE_AICORE__ == 220
extern "C" __global__ __aicore__ void crest_clustered_mix(GM_ADDR q, GM_ADDR k, GM_ADDR v, GM_ADDR samples,
                                                          GM_ADDR pages, GM_ADDR items, GM_ADDR records, GM_ADDR info,
                                                          GM_ADDR slots, GM_ADDR tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
  if ASCEND_IS_AIC {
    return;
  }
  crest::ascend::decode<crest::ascend::MixDecoder>({q, k, v, samples, pages, items, records, info, slots, tiling});
}
#endif

extern "C" __global__ __aicore__ void crest_sketched(GM_ADDR q, GM_ADDR k, GM_ADDR v, GM_ADDR sketch, GM_ADDR pages,
                                                     GM_ADDR items, GM_ADDR records, GM_ADDR info, GM_ADDR tiling) {
#if __CCE_AICORE__ == 220
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
#endif
  crest::ascend::decode<crest::ascend::SketchedDecoder>(
      {q, k, v, sketch, pages, items, records, info, nullptr, tiling});
}

extern "C" __global__ __aicore__ void crest_merge(GM_ADDR records, GM_ADDR groups, GM_ADDR results, GM_ADDR tiling) {
#if __CCE_AICORE__ == 220
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
#endif
  if (reinterpret_cast<__gm__ crest::ascend::Tiling*>(tiling)->head_dim == 64)
    crest::ascend::merge<64>(records, groups, results, tiling);
  else
    crest::ascend::merge<128>(records, groups, results, tiling);
}
