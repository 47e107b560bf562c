// Scores of a tile of keys for every head of an item.
#pragma once

#include "crest/ascend/buffers.h"

namespace crest {
namespace ascend {

/// The tile is widened to f32 once and shared by the heads of the group. Per head and tile of R rows: D / 64 * R
/// repeats of multiplication and R of reduction.
template <int D>
class Scorer {
 public:
  __aicore__ inline void init(Buffers<D>* buffers) { b_ = buffers; }

  /// Takes the item's queries; they carry the scale, so that scores come out in nats.
  __aicore__ inline void open(const AscendC::GlobalTensor<float>& q, uint32_t heads, float scale) {
    heads_ = heads;
    q_ = b_->q.template AllocTensor<float>();
    AscendC::DataCopy(q_, q, heads * D);
    b_->q.EnQue(q_);
    q_ = b_->q.template DeQue<float>();
    AscendC::Muls(q_, q_, scale, heads * D);
    barrier();
  }

  __aicore__ inline void close() { b_->q.FreeTensor(q_); }

  /// dst[head * pitch + i] = score of row i of the next K tile, n rows. The f16 tile is released as soon as it is wide.
  __aicore__ inline void score(uint32_t n, const AscendC::LocalTensor<float>& dst, uint32_t pitch) {
    AscendC::LocalTensor<half> tile = b_->k.template DeQue<half>();
    AscendC::Cast(b_->wide, tile, AscendC::RoundMode::CAST_NONE, n * D);
    barrier();
    b_->k.FreeTensor(tile);
    for (uint32_t head = 0; head < heads_; ++head) score_head(n, head, dst[head * pitch]);
  }

  __aicore__ inline uint32_t heads() const { return heads_; }
  __aicore__ inline const AscendC::LocalTensor<float>& queries() const { return q_; }

 private:
  __aicore__ inline void score_head(uint32_t n, uint32_t head, const AscendC::LocalTensor<float>& dst) {
    const AscendC::BinaryRepeatParams by_row(1, 1, 1, 8, Shape<D>::wide_blocks, 0);
    AscendC::Mul(b_->product, b_->wide, q_[head * D], lanes, n, by_row);
    barrier();
    for (uint32_t c = 1; c < Shape<D>::chunks; ++c) {
      AscendC::MulAddDst(b_->product, b_->wide[c * lanes], q_[head * D + c * lanes], lanes, n, by_row);
      barrier();
    }
    AscendC::WholeReduceSum(dst, b_->product, lanes, n, 1, 1, 8);
    barrier();
  }

  Buffers<D>* b_;
  AscendC::LocalTensor<float> q_;  // [heads][D]
  uint32_t heads_;
};

}  // namespace ascend
}  // namespace crest
