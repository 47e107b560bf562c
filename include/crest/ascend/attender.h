// Softmax and weighted sum over tiles of keys, for all heads of an item.
//
// The reference of exp(s - reference) is fixed: for `exact` the highest score of the first tile, for `clustered` the
// highest sample plus a margin. No tile rescales anything and no tile waits for the scalar unit; the highest score is
// tracked lane by lane and looked at once, when all tiles are done. Only when it lies more than the headroom above the
// reference (weights up to e^40 are harmless in f32) does the item start again, with the maximum as its reference.
#pragma once

#include "crest/ascend/scorer.h"

namespace crest {
namespace ascend {

template <int D>
class Attender {
  using S = Shape<D>;

 public:
  __aicore__ inline void init(Buffers<D>* buffers) {
    b_ = buffers;
    scorer_.init(buffers);
    AscendC::Duplicate(b_->folded, nothing, max_heads * 8);
    AscendC::Duplicate(b_->reference, nothing, max_heads * 8);
    barrier();
  }

  __aicore__ inline Scorer<D>& scorer() { return scorer_; }

  /// Starts an item whose queries the scorer holds. The record's own buffer accumulates the outputs.
  __aicore__ inline void begin() {
    heads_ = scorer_.heads();
    padded_ = padded_heads(heads_);
    record_ = b_->record.template AllocTensor<float>();
    tail_ = record_[heads_ * D];
    referenced_ = false;
    for (uint32_t head = 0; head < heads_; ++head) high_[head] = nothing;
    clear();
  }

  /// Fixes a head's reference, in nats.
  __aicore__ inline void set_reference(uint32_t head, float value) {
    AscendC::Duplicate(b_->reference[head * 8], value, 8);
    referenced_ = true;
  }

  /// One tile: the next of the K and the V queue, n rows.
  __aicore__ inline void attend(uint32_t n) {
    if (n < S::rows) {
      AscendC::Duplicate(b_->scores, nothing, heads_ * S::rows);
      barrier();
    }
    scorer_.score(n, b_->scores, S::rows);
    if (!referenced_) reference_from_tile();
    weigh();
    accumulate(n);
  }

  /// Brings the highest score of each head to the scalar unit; true when one overshot the headroom.
  __aicore__ inline bool settle(float headroom) {
    max_of_lanes(tail_[2 * padded_], b_->highs, 8);
    sync<AscendC::HardEvent::V_S>();
    bool overshot = false;
    for (uint32_t head = 0; head < heads_; ++head) {
      high_[head] = tail_.GetValue(2 * padded_ + head);
      overshot |= !(high_[head] - b_->reference.GetValue(head * 8) <= headroom);
    }
    sync<AscendC::HardEvent::S_V>();
    return overshot;
  }

  /// Highest score of a head, as of the last settle().
  __aicore__ inline float high(uint32_t head) const { return high_[head]; }

  /// Forgets all tiles; the highest scores become the references.
  __aicore__ inline void restart() {
    for (uint32_t head = 0; head < heads_; ++head) set_reference(head, high_[head]);
    clear();
  }

  /// Where the record holds the estimated mass left out: padded_heads floats.
  __aicore__ inline AscendC::LocalTensor<float> missed() const { return tail_[3 * padded_]; }

  /// Completes the record and sends it off.
  __aicore__ inline void finish(const AscendC::GlobalTensor<float>& to) {
    AscendC::WholeReduceSum(tail_, b_->sums, lanes, heads_, 1, 1, 8);
    AscendC::BlockReduceMax(tail_[padded_], b_->reference, padded_ / 8, lanes, 1, 1, 8);
    b_->record.EnQue(record_);
    record_ = b_->record.template DeQue<float>();
    AscendC::DataCopy(to, record_, heads_ * D + 4 * padded_);
    b_->record.FreeTensor(record_);
  }

 private:
  __aicore__ inline void clear() {
    AscendC::Duplicate(record_, 0.0f, heads_ * D + 4 * padded_);
    AscendC::Duplicate(b_->sums, 0.0f, heads_ * lanes);
    AscendC::Duplicate(b_->highs, nothing, heads_ * lanes);
    barrier();
  }

  /// dst[head] = maximum of 64 lanes, one head every `blocks` blocks.
  __aicore__ inline void max_of_lanes(const AscendC::LocalTensor<float>& dst, const AscendC::LocalTensor<float>& src,
                                      uint32_t blocks) {
    AscendC::BlockReduceMax(b_->folded, src, heads_, lanes, 1, 1, blocks);
    barrier();
    AscendC::BlockReduceMax(dst, b_->folded, padded_ / 8, lanes, 1, 1, 8);
    barrier();
  }

  /// The reference becomes the highest of the tile's first 64 scores; the missed slot lends its room.
  __aicore__ inline void reference_from_tile() {
    max_of_lanes(missed(), b_->scores, S::score_blocks);
    AscendC::Brcb(b_->reference, missed(), padded_ / 8, AscendC::BrcbRepeatParams(1, 8));
    barrier();
    AscendC::Duplicate(missed(), 0.0f, padded_);
    barrier();
    referenced_ = true;
  }

  /// Scores become weights; sums and highest scores are kept lane by lane, for all heads at once.
  __aicore__ inline void weigh() {
    const AscendC::BinaryRepeatParams into_lanes(1, 1, 1, 8, 8, S::score_blocks);
    const AscendC::BinaryRepeatParams minus_block(1, 1, 0, S::score_blocks, S::score_blocks, 1);
    for (uint32_t c = 0; c < S::score_chunks; ++c) {
      AscendC::Max(b_->highs, b_->highs, b_->scores[c * lanes], lanes, heads_, into_lanes);
      barrier();
    }
    for (uint32_t c = 0; c < S::score_chunks; ++c)
      AscendC::Sub(b_->scores[c * lanes], b_->scores[c * lanes], b_->reference, lanes, heads_, minus_block);
    barrier();
    AscendC::Exp(b_->scores, b_->scores, heads_ * S::rows);
    barrier();
    for (uint32_t c = 0; c < S::score_chunks; ++c) {
      AscendC::Add(b_->sums, b_->sums, b_->scores[c * lanes], lanes, heads_, into_lanes);
      barrier();
    }
  }

  /// record[head] += weights x V for the next V tile.
  __aicore__ inline void accumulate(uint32_t n) {
    AscendC::LocalTensor<half> tile = b_->v.template DeQue<half>();
    AscendC::Cast(b_->wide, tile, AscendC::RoundMode::CAST_NONE, n * D);
    barrier();
    b_->v.FreeTensor(tile);
    for (uint32_t head = 0; head < heads_; ++head) accumulate_head(n, head);
  }

  /// Four strips of rows are multiplied onto each other, the quarter that remains is folded by halves: D / 64 * R
  /// repeats for the products, a third less for the sum than folding all rows.
  __aicore__ inline void accumulate_head(uint32_t n, uint32_t head) {
    AscendC::Brcb(b_->weights, b_->scores[head * S::rows], (n + 7) / 8, AscendC::BrcbRepeatParams(1, 8));
    barrier();
    const uint32_t strip = (n + 3) / 4;
    multiply_strip(0, strip, true);
    for (uint32_t from = strip; from < n; from += strip) multiply_strip(from, smaller(strip, n - from), false);
    fold_rows(b_->product, strip, D);
    AscendC::Add(record_[head * D], record_[head * D], b_->product, D);
    barrier();
  }

  __aicore__ inline void multiply_strip(uint32_t from, uint32_t n, bool first) {
    const AscendC::BinaryRepeatParams by_row(1, 1, 0, S::wide_blocks, S::wide_blocks, 1);
    const AscendC::LocalTensor<float> rows = b_->wide[from * D], weights = b_->weights[from * 8];
    for (uint32_t c = 0; c < S::chunks; ++c) {
      if (first)
        AscendC::Mul(b_->product[c * lanes], rows[c * lanes], weights, lanes, n, by_row);
      else
        AscendC::MulAddDst(b_->product[c * lanes], rows[c * lanes], weights, lanes, n, by_row);
    }
    barrier();
  }

  Buffers<D>* b_;
  Scorer<D> scorer_;
  AscendC::LocalTensor<float> record_, tail_;
  uint32_t heads_, padded_;
  bool referenced_;
  float high_[max_heads];
};

}  // namespace ascend
}  // namespace crest
