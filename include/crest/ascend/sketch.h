// The sketch: one int8 row per key, scored in f16 work.
#pragma once

#include "crest/ascend/cells.h"
#include "crest/ascend/scorer.h"

namespace crest {
namespace ascend {

/// Scores every key of a chunk from its int8 row: a quarter of the bytes of K and V. Per row one repeat to widen, and
/// per head D / 128 to multiply and one to reduce: a good third of an exact score, because nothing is cast to f32.
template <int D>
class SketchScorer {
 public:
  __aicore__ inline void init(Buffers<D>* buffers, Scorer<D>* scorer) {
    b_ = buffers;
    scorer_ = scorer;
  }

  /// Queries in f16, times what an int8 unit of the keys is worth; a repeat holds 128 of them.
  __aicore__ inline void open(float unit) {
    const uint32_t heads = scorer_->heads();
    AscendC::Muls(b_->product, scorer_->queries(), unit, heads * D);
    barrier();
    for (uint32_t head = 0; head < heads; ++head)
      for (uint32_t at = 0; at < f16_lanes; at += D)
        AscendC::Cast(b_->sketch_q[head * f16_lanes + at], b_->product[head * D], AscendC::RoundMode::CAST_NONE, D);
    barrier();
  }

  /// samples[head * pitch + i] = estimated score of the chunk's key i.
  __aicore__ inline void scan(const Cells& chunk, const AscendC::GlobalTensor<int8_t>& keys) {
    AscendC::Duplicate(b_->samples, nothing, scorer_->heads() * chunk.pitch);
    barrier();
    load(chunk, keys, 0);
    for (uint32_t at = 0; at < chunk.count; at += sketch_rows) {
      load(chunk, keys, at + sketch_rows);
      score(smaller(sketch_rows, chunk.count - at), b_->samples[at], chunk.pitch);
    }
  }

 private:
  static constexpr uint32_t f16_lanes = 128;

  __aicore__ inline void load(const Cells& chunk, const AscendC::GlobalTensor<int8_t>& keys, uint32_t at) {
    if (at >= chunk.count) return;
    AscendC::LocalTensor<int8_t> tile = b_->sketch.template AllocTensor<int8_t>();
    const uint32_t n = smaller(sketch_rows, chunk.count - at);
    AscendC::DataCopy(tile, keys[static_cast<uint64_t>(chunk.begin + at) * D], n * D);
    b_->sketch.EnQue(tile);
  }

  __aicore__ inline void score(uint32_t n, const AscendC::LocalTensor<float>& dst, uint32_t pitch) {
    AscendC::LocalTensor<int8_t> tile = b_->sketch.template DeQue<int8_t>();
    AscendC::Cast(b_->wide.template ReinterpretCast<half>(), tile, AscendC::RoundMode::CAST_NONE, n * D);
    barrier();
    b_->sketch.FreeTensor(tile);
    for (uint32_t head = 0; head < scorer_->heads(); ++head) score_head(n, head, dst[head * pitch]);
  }

  __aicore__ inline void score_head(uint32_t n, uint32_t head, const AscendC::LocalTensor<float>& dst) {
    const AscendC::LocalTensor<half> product = b_->product.template ReinterpretCast<half>();
    const AscendC::LocalTensor<half> sums = b_->scores.template ReinterpretCast<half>();
    multiply(product, n * D, b_->sketch_q[head * f16_lanes]);
    AscendC::WholeReduceSum(sums, product, D, n, 1, 1, D / 16);
    barrier();
    AscendC::Cast(dst, sums, AscendC::RoundMode::CAST_NONE, n);
    barrier();
  }

  /// product = keys * q, 128 lanes at a time; an odd row of 64 comes last.
  __aicore__ inline void multiply(const AscendC::LocalTensor<half>& product, uint32_t count,
                                  const AscendC::LocalTensor<half>& q) {
    const AscendC::LocalTensor<half> keys = b_->wide.template ReinterpretCast<half>();
    const AscendC::BinaryRepeatParams by_repeat(1, 1, 1, 8, 8, 0);
    const uint32_t full = count / f16_lanes, rest = count % f16_lanes, at = full * f16_lanes;
    if (full > 0) AscendC::Mul(product, keys, q, f16_lanes, full, by_repeat);
    if (rest > 0) AscendC::Mul(product[at], keys[at], q, rest, 1, by_repeat);
    barrier();
  }

  Buffers<D>* b_;
  Scorer<D>* scorer_;
};

}  // namespace ascend
}  // namespace crest
