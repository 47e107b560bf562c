// Merges the items of each group: o = sum w_i o_i / sum w_i l_i with w_i = exp(reference_i - highest reference).
// A second kernel on the same stream: the stream's order is the only synchronisation between cores.
#pragma once

#include "crest/ascend/device.h"

namespace crest {
namespace ascend {

template <int D>
class Merger {
  using Calc = AscendC::TBuf<AscendC::TPosition::VECCALC>;

 public:
  __aicore__ inline void init(AscendC::TPipe* pipe, __gm__ uint8_t* records, __gm__ uint8_t* groups,
                              __gm__ uint8_t* results, __gm__ uint8_t* tiling) {
    records_.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(records));
    results_.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(results));
    groups_ = reinterpret_cast<__gm__ Group*>(groups);
    count_ = reinterpret_cast<__gm__ Tiling*>(tiling)->groups;
    pipe->InitBuffer(tails_, 1, max_parts * 4 * max_heads * 4);
    pipe->InitBuffer(parts_, 2, max_heads * D * 4);
    pipe->InitBuffer(result_, 1, result_floats(D) * 4);
    pipe->InitBuffer(shares_, max_parts * max_heads * 4);
    pipe->InitBuffer(scaled_, max_parts * max_heads * 4);
    pipe->InitBuffer(highest_, max_heads * 4);
    pipe->InitBuffer(missed_, max_heads * 4);
    pipe->InitBuffer(blocks_, max_heads * 32);
  }

  __aicore__ inline void run() {
    for (uint32_t g = AscendC::GetBlockIdx(); g < count_; g += AscendC::GetBlockNum()) merge(g);
  }

 private:
  __aicore__ inline void merge(uint32_t index) {
    __gm__ Group* group = groups_ + index;
    first_ = group->first_item, items_ = group->items, heads_ = group->heads;
    padded_ = padded_heads(heads_);
    AscendC::LocalTensor<float> out = result_.template AllocTensor<float>();
    AscendC::Duplicate(out, 0.0f, heads_ * D + 2 * padded_);
    weigh(out[heads_ * D]);
    for (uint32_t i = 0; i <= items_; ++i) {
      if (i < items_) load_part(i);
      if (i > 0) add_part(i - 1, out);
    }
    normalise(out);
    result_.EnQue(out);
    out = result_.template DeQue<float>();
    AscendC::DataCopy(results_[static_cast<uint64_t>(index) * result_floats(D)], out, heads_ * D + 2 * padded_);
    result_.FreeTensor(out);
  }

  /// shares[i][head] = exp(reference - highest reference); tail = sum of weights, share of the mass left out.
  __aicore__ inline void weigh(const AscendC::LocalTensor<float>& tail) {
    AscendC::LocalTensor<float> tails = load_tails();
    AscendC::LocalTensor<float> shares = shares_.template Get<float>(), highest = highest_.template Get<float>();
    const uint32_t blocks = padded_ / 8;
    AscendC::Duplicate(highest, nothing, padded_);
    barrier();
    for (uint32_t i = 0; i < items_; ++i) {
      AscendC::Max(highest, highest, tails[i * 4 * padded_ + padded_], padded_);
      barrier();
    }
    const AscendC::BinaryRepeatParams minus_highest(1, 1, 1, blocks, 4 * blocks, 0);
    AscendC::Sub(shares, tails[padded_], highest, padded_, items_, minus_highest);
    barrier();
    AscendC::Exp(shares, shares, items_ * padded_);
    barrier();
    weighted_sum(tail, tails);
    weighted_sum(missed_.template Get<float>(), tails[3 * padded_]);
    tails_.FreeTensor(tails);
  }

  /// dst[head] = sum_i shares[i][head] * values[i][head].
  __aicore__ inline void weighted_sum(const AscendC::LocalTensor<float>& dst,
                                      const AscendC::LocalTensor<float>& values) {
    const uint32_t blocks = padded_ / 8;
    AscendC::LocalTensor<float> scaled = scaled_.template Get<float>();
    const AscendC::BinaryRepeatParams by_item(1, 1, 1, blocks, 4 * blocks, blocks);
    AscendC::Mul(scaled, values, shares_.template Get<float>(), padded_, items_, by_item);
    barrier();
    fold_rows(scaled, items_, padded_);
    AscendC::Muls(dst, scaled, 1.0f, padded_);
    barrier();
  }

  __aicore__ inline AscendC::LocalTensor<float> load_tails() {
    AscendC::LocalTensor<float> tails = tails_.template AllocTensor<float>();
    const uint32_t blocks = 4 * padded_ / 8, gap = record_floats(D) / 8 - blocks;
    AscendC::DataCopy(tails, records_[record_at(0) + heads_ * D], AscendC::DataCopyParams(items_, blocks, gap, 0));
    tails_.EnQue(tails);
    return tails_.template DeQue<float>();
  }

  __aicore__ inline void load_part(uint32_t i) {
    AscendC::LocalTensor<float> part = parts_.template AllocTensor<float>();
    AscendC::DataCopy(part, records_[record_at(i)], heads_ * D);
    parts_.EnQue(part);
  }

  __aicore__ inline void add_part(uint32_t i, const AscendC::LocalTensor<float>& out) {
    AscendC::LocalTensor<float> part = parts_.template DeQue<float>(), blocks = blocks_.template Get<float>();
    AscendC::Brcb(blocks, shares_.template Get<float>()[i * padded_], padded_ / 8, AscendC::BrcbRepeatParams(1, 8));
    barrier();
    const AscendC::BinaryRepeatParams by_head(1, 1, 0, Shape<D>::wide_blocks, Shape<D>::wide_blocks, 1);
    for (uint32_t c = 0; c < Shape<D>::chunks; ++c)
      AscendC::MulAddDst(out[c * lanes], part[c * lanes], blocks, lanes, heads_, by_head);
    barrier();
    parts_.FreeTensor(part);
  }

  /// Divides by the sum of weights; lse = highest reference + ln(sum); missed / (sum + missed).
  __aicore__ inline void normalise(const AscendC::LocalTensor<float>& out) {
    AscendC::LocalTensor<float> blocks = blocks_.template Get<float>(), missed = missed_.template Get<float>();
    const AscendC::LocalTensor<float> sum = out[heads_ * D], share = out[heads_ * D + padded_];
    AscendC::Brcb(blocks, sum, padded_ / 8, AscendC::BrcbRepeatParams(1, 8));
    barrier();
    const AscendC::BinaryRepeatParams by_head(1, 1, 0, Shape<D>::wide_blocks, Shape<D>::wide_blocks, 1);
    for (uint32_t c = 0; c < Shape<D>::chunks; ++c)
      AscendC::Div(out[c * lanes], out[c * lanes], blocks, lanes, heads_, by_head);
    AscendC::Add(share, sum, missed, heads_);
    barrier();
    AscendC::Div(share, missed, share, heads_);
    AscendC::Ln(sum, sum, heads_);
    barrier();
    AscendC::Add(sum, sum, highest_.template Get<float>(), heads_);
  }

  __aicore__ inline uint64_t record_at(uint32_t i) const {
    return static_cast<uint64_t>(first_ + i) * record_floats(D);
  }

  AscendC::TQue<AscendC::TPosition::VECIN, 1> tails_;
  AscendC::TQue<AscendC::TPosition::VECIN, 2> parts_;
  AscendC::TQue<AscendC::TPosition::VECOUT, 1> result_;
  Calc shares_, scaled_, highest_, missed_, blocks_;
  AscendC::GlobalTensor<float> records_, results_;
  __gm__ Group* groups_;
  uint32_t count_, first_, items_, heads_, padded_;
};

}  // namespace ascend
}  // namespace crest
