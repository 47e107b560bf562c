// Guided decode: int8 keys tell which rows of K and V are worth reading.
//
// Chunk by chunk, every key is scored from the sketch, and keys within `drop` nats of the highest estimate so far are
// attended exactly; chunks share tiles. What the others weigh is known from the sketch as well.
#pragma once

#include "crest/ascend/decoder.h"
#include "crest/ascend/refiner.h"
#include "crest/ascend/sketch.h"

namespace crest {
namespace ascend {

template <int D>
class SketchedDecoder : public Decoder<D> {
 public:
  __aicore__ inline void init(AscendC::TPipe* pipe, const Operands& operands) {
    Decoder<D>::init(pipe, operands, 1);
    this->buffers_.init_samples(pipe);
    this->buffers_.init_sketch(pipe);
    sketch_.init(&this->buffers_, &this->attender_.scorer());
    refiner_.init(&this->buffers_, &this->attender_, &this->stream_);
    how_ = {0, 1, this->tiling_->margin, this->tiling_->drop};
  }

  __aicore__ inline void run() {
    const uint32_t items = this->tiling_->items;
    for (uint32_t i = AscendC::GetBlockIdx(); i < items; i += AscendC::GetBlockNum()) decode(i);
  }

 private:
  __aicore__ inline void decode(uint32_t index) {
    const Work work = this->open(index);
    uint32_t moves = 0;
    sketch_.open(this->item_at(index)->sketch_scale);
    this->attender_.begin();
    refiner_.reset();
    attend(work);
    if (this->attender_.settle(this->headroom_)) {
      moves = 1;
      this->restart();
      attend(work);
      this->attender_.settle(this->headroom_);
    }
    this->close(work, (work.last - work.first) * (1 + moves), moves);
  }

  __aicore__ inline void attend(const Work& work) {
    __gm__ Item* item = this->item_at(work.index);
    AscendC::GlobalTensor<int8_t> keys;
    keys.SetGlobalBuffer(reinterpret_cast<__gm__ int8_t*>(this->args_.samples) + item->sketch);
    const uint32_t chunk = max_samples / work.heads / lanes * lanes;
    for (uint32_t at = work.first; at < work.last; at += chunk) {
      Cells cells;
      cells.open(at, smaller(work.last, at + chunk), 1);
      sketch_.scan(cells, keys);
      refiner_.open(cells, how_, item->keep_until, item->keep_from);
      refiner_.attend_all();
      refiner_.estimate_missed(this->attender_.missed());
    }
    this->stream_.drain();
  }

  SketchScorer<D> sketch_;
  Refiner<D> refiner_;
  Clustering how_;
};

}  // namespace ascend
}  // namespace crest
