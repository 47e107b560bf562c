// Stretches of keys become full tiles: transfers of tile t + 1 are issued before tile t is computed.
#pragma once

#include "crest/ascend/attender.h"
#include "crest/ascend/rows.h"

namespace crest {
namespace ascend {

/// Softmax does not care about positions, so short stretches share a tile: cells far apart still give full repeats.
template <int D>
class Stream {
 public:
  __aicore__ inline void init(Buffers<D>* buffers, Attender<D>* attender) {
    b_ = buffers;
    attender_ = attender;
  }

  __aicore__ inline void open(const Rows<D>& k, const Rows<D>& v) {
    k_rows_ = k;
    v_rows_ = v;
    filled_ = pending_ = used_ = loaded_ = 0;
  }

  /// The item starts again: what was used so far does not count.
  __aicore__ inline void restart() { used_ = 0; }

  /// Keys [first, last) enter the softmax.
  __aicore__ inline void push(uint32_t first, uint32_t last) {
    while (first < last) {
      if (filled_ == 0) take_buffers();
      const uint32_t n = smaller(Shape<D>::rows - filled_, last - first);
      k_rows_.load(k_[filled_ * D], first, n, 1);
      v_rows_.load(v_[filled_ * D], first, n, 1);
      filled_ += n;
      first += n;
      used_ += n;
      loaded_ += n;
      if (filled_ == Shape<D>::rows) flush();
    }
  }

  /// All keys pushed so far have been used afterwards.
  __aicore__ inline void drain() {
    if (filled_ > 0) flush();
    compute_pending();
  }

  /// Keys in this item's softmax, and K and V rows loaded for it.
  __aicore__ inline uint32_t used() const { return used_; }
  __aicore__ inline uint32_t loaded() const { return loaded_; }

 private:
  __aicore__ inline void take_buffers() {
    k_ = b_->k.template AllocTensor<half>();
    v_ = b_->v.template AllocTensor<half>();
  }

  __aicore__ inline void flush() {
    b_->k.EnQue(k_);
    b_->v.EnQue(v_);
    compute_pending();
    pending_ = filled_;
    filled_ = 0;
  }

  __aicore__ inline void compute_pending() {
    if (pending_ > 0) attender_->attend(pending_);
    pending_ = 0;
  }

  Buffers<D>* b_;
  Attender<D>* attender_;
  Rows<D> k_rows_, v_rows_;
  AscendC::LocalTensor<half> k_, v_;
  uint32_t filled_, pending_, used_, loaded_;
};

}  // namespace ascend
}  // namespace crest
