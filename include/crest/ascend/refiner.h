// The refiner: from sampled scores to the cells that are used.
//
// 1. Windows: cells around the highest samples, the first and the last keys. They are attended first, against the
//    reference sampled maximum + margin, and on the way reveal the true maximum.
// 2. Plateaus: all other cells whose sample lies within `drop` nats of that maximum, for any head of the group.
// The scalar unit waits for the vector unit four times per item, however long the item is.
#pragma once

#include "crest/ascend/cells.h"
#include "crest/ascend/stream.h"

namespace crest {
namespace ascend {

/// What a launch was asked for.
struct Clustering {
  uint32_t reach, peaks;
  float margin, drop;
};

/// The best few samples of a head, best first.
struct Peaks {
  uint32_t count = 0;
  float score[max_peaks] = {nothing};
  uint32_t cell[max_peaks] = {0};

  __aicore__ inline void add(float s, uint32_t c, uint32_t most) {
    if (count == most && !(s > score[count - 1])) return;
    if (count < most) ++count;
    uint32_t slot = count - 1;
    for (; slot > 0 && s > score[slot - 1]; --slot) score[slot] = score[slot - 1], cell[slot] = cell[slot - 1];
    score[slot] = s;
    cell[slot] = c;
  }
};

template <int D>
class Refiner {
 public:
  __aicore__ inline void init(Buffers<D>* buffers, Attender<D>* attender, Stream<D>* stream) {
    b_ = buffers;
    attender_ = attender;
    stream_ = stream;
  }

  /// A new item: nothing is known of its scores.
  __aicore__ inline void reset() {
    referenced_ = false;
    for (uint32_t head = 0; head < max_heads; ++head) sampled_high_[head] = nothing;
  }

  /// Needs the samples of all cells. Keys below `until` and from `from` on are always used.
  __aicore__ inline void open(const Cells& cells, const Clustering& how, uint32_t until, uint32_t from) {
    cells_ = cells;
    how_ = how;
    heads_ = attender_->scorer().heads();
    find_peaks();
    for (uint32_t w = 0; w < cells_.words(); ++w) b_->kept.SetValue(w, 0);
    mark(b_->kept, 0, larger(cells_.sampled, cells_.cells_below(until)));
    mark(b_->kept, smaller(cells_.unsampled, cells_.cell_from(from)), cells_.count);
    for (uint32_t head = 0; head < heads_; ++head) choose_windows(head);
    referenced_ = true;
  }

  /// Attends all cells kept so far.
  __aicore__ inline void attend_kept() {
    for (uint32_t w = 0; w < cells_.words(); ++w) attend_word(w, b_->kept.GetValue(w));
    stream_->drain();
  }

  /// Keeps and attends windows and plateaus together, against the highest scores known; does not wait for the last
  /// tile.
  __aicore__ inline void attend_all() {
    find_plateaus();
    for (uint32_t w = 0; w < cells_.words(); ++w) {
      const uint64_t all = b_->kept.GetValue(w) | b_->bits.template ReinterpretCast<uint64_t>().GetValue(w);
      attend_word(w, all);
      b_->kept.SetValue(w, all);
    }
  }

  /// Keeps and attends the plateaus; the attender must have settled.
  __aicore__ inline void attend_plateaus() {
    find_plateaus();
    for (uint32_t w = 0; w < cells_.words(); ++w) {
      const uint64_t kept = b_->kept.GetValue(w),
                     hot = b_->bits.template ReinterpretCast<uint64_t>().GetValue(w) & ~kept;
      attend_word(w, hot);
      b_->kept.SetValue(w, kept | hot);
    }
    stream_->drain();
  }

  /// missed[head] += stride * sum of exp(sample - reference) over the cells that were not used. Consumes the samples.
  __aicore__ inline void estimate_missed(const AscendC::LocalTensor<float>& missed) {
    for (uint32_t w = 0; w < cells_.words(); ++w) b_->kept.SetValue(w, ~b_->kept.GetValue(w));
    sync<AscendC::HardEvent::S_V>();
    const AscendC::BinaryRepeatParams minus_block(1, 1, 0, 8, 8, 0);
    for (uint32_t head = 0; head < heads_; ++head) {
      const AscendC::LocalTensor<float> s = b_->samples[head * cells_.pitch];
      AscendC::Sub(s, s, b_->reference[head * 8], lanes, cells_.words(), minus_block);
    }
    barrier();
    AscendC::Exp(b_->samples, b_->samples, heads_ * cells_.pitch);
    barrier();
    const uint32_t padded = padded_heads(heads_);
    AscendC::Duplicate(b_->pairs, 0.0f, padded);
    barrier();
    for (uint32_t head = 0; head < heads_; ++head) sum_missed(b_->samples[head * cells_.pitch], b_->pairs[head]);
    AscendC::Muls(b_->pairs, b_->pairs, static_cast<float>(cells_.stride), padded);
    barrier();
    AscendC::Add(missed, missed, b_->pairs, padded);
    barrier();
  }

 private:
  /// pairs[head * words + w] = highest sample of 64 cells and its index; then the scalar unit may look.
  __aicore__ inline void find_peaks() {
    AscendC::WholeReduceMax(b_->pairs, b_->samples, lanes, heads_ * cells_.words(), 1, 1, 8);
    sync<AscendC::HardEvent::V_S>();
  }

  /// Marks the windows around a head's highest samples, at most one peak per 64 cells, and fixes its reference if the
  /// item has none yet.
  __aicore__ inline void choose_windows(uint32_t head) {
    Peaks peaks;
    for (uint32_t w = 0; w < cells_.words(); ++w) {
      const uint32_t pair = 2 * (head * cells_.words() + w);
      const uint32_t cell = w * 64 + b_->pairs.template ReinterpretCast<uint32_t>().GetValue(pair + 1);
      if (cell < cells_.count) peaks.add(b_->pairs.GetValue(pair), cell, how_.peaks);
    }
    if (peaks.score[0] > sampled_high_[head]) sampled_high_[head] = peaks.score[0];
    if (!referenced_) attender_->set_reference(head, peaks.score[0] + how_.margin);
    for (uint32_t i = 0; i < peaks.count; ++i)
      mark(b_->kept, peaks.cell[i] - smaller(peaks.cell[i], how_.reach),
           smaller(peaks.cell[i] + how_.reach + 1, cells_.count));
  }

  /// bits = cells whose sample lies within `drop` of the highest score known, for any head.
  __aicore__ inline void find_plateaus() {
    const uint32_t head_bytes = round_up(cells_.pitch / 8, 32);
    for (uint32_t head = 0; head < heads_; ++head) {
      const float high = attender_->high(head),
                  floor = (high > sampled_high_[head] ? high : sampled_high_[head]) - how_.drop;
      AscendC::CompareScalar(b_->bits[head * head_bytes], b_->samples[head * cells_.pitch], floor, AscendC::CMPMODE::GE,
                             cells_.pitch);
    }
    barrier();
    const AscendC::LocalTensor<uint16_t> all = b_->bits.template ReinterpretCast<uint16_t>();
    for (uint32_t head = 1; head < heads_; ++head) {
      AscendC::Or(all, all, all[head * head_bytes / 2], cells_.pitch / 16);
      barrier();
    }
    sync<AscendC::HardEvent::V_S>();
  }

  __aicore__ inline void attend_word(uint32_t w, uint64_t word) {
    while (word != 0) {
      const Run run = take_run(word);
      stream_->push(cells_.key(w * 64 + run.first), cells_.key(w * 64 + run.last));
    }
  }

  __aicore__ inline void sum_missed(const AscendC::LocalTensor<float>& weights,
                                    const AscendC::LocalTensor<float>& sum) {
    AscendC::Select(weights, b_->kept.template ReinterpretCast<uint8_t>(), weights, 0.0f,
                    AscendC::SELMODE::VSEL_TENSOR_SCALAR_MODE, cells_.pitch);
    barrier();
    fold_rows(weights, cells_.words(), lanes);
    AscendC::WholeReduceSum(sum, weights, lanes, 1, 1, 1, 8);
    barrier();
  }

  Buffers<D>* b_;
  Attender<D>* attender_;
  Stream<D>* stream_;
  Cells cells_;
  Clustering how_;
  uint32_t heads_;
  bool referenced_;
  float sampled_high_[max_heads];
};

}  // namespace ascend
}  // namespace crest
