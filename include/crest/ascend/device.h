// What all kernels share: tile shape, synchronisation in words, small vector helpers.
#pragma once

#include <kernel_operator.h>  // first: it says what __aicore__ is, and tiling.h asks

#include "crest/ascend/tiling.h"

namespace crest {
namespace ascend {

/// Score of a lane that holds no key: its weight is exp(nothing - reference) = 0. Finite, so that no NaN can arise.
constexpr float nothing = -1e30f;

constexpr uint32_t lanes = 64;  // floats of a 256-byte repeat

template <int D>
struct Shape {
  static constexpr uint32_t rows = 8192 / D;           // of a tile: 16 KiB of K or V, one efficient transfer
  static constexpr uint32_t chunks = D / 64;           // repeats of an f32 row
  static constexpr uint32_t row_blocks = D / 16;       // 32-byte blocks of an f16 row
  static constexpr uint32_t wide_blocks = D / 8;       // 32-byte blocks of an f32 row
  static constexpr uint32_t score_blocks = rows / 8;   // 32-byte blocks of a head's scores of a tile
  static constexpr uint32_t score_chunks = rows / 64;  // repeats of a head's scores of a tile
};

__aicore__ inline uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }
__aicore__ inline uint32_t larger(uint32_t a, uint32_t b) { return a < b ? b : a; }
__aicore__ inline uint32_t round_up(uint32_t n, uint32_t to) { return (n + to - 1) / to * to; }

/// Dependent vector instructions need a barrier between them.
__aicore__ inline void barrier() { AscendC::PipeBarrier<PIPE_V>(); }

/// What follows on the event's second pipe waits for what precedes on its first.
template <AscendC::HardEvent event>
__aicore__ inline void sync() {
  const auto id = static_cast<event_t>(AscendC::GetTPipePtr()->FetchEventID(event));
  AscendC::SetFlag<event>(id);
  AscendC::WaitFlag<event>(id);
}

/// Sums `rows` rows of `width` floats into the first row, by halves: log2(rows) instructions, pairwise rounding.
__aicore__ inline void fold_rows(const AscendC::LocalTensor<float>& t, uint32_t rows, uint32_t width) {
  while (rows > 1) {
    const uint32_t half = (rows + 1) / 2;
    AscendC::Add(t, t, t[half * width], (rows - half) * width);
    barrier();
    rows = half;
  }
}

}  // namespace ascend
}  // namespace crest
