// Exact decode: every key of the item.
#pragma once

#include "crest/ascend/decoder.h"

namespace crest {
namespace ascend {

template <int D>
class ExactDecoder : public Decoder<D> {
 public:
  __aicore__ inline void run() {
    const uint32_t items = this->tiling_->items;
    for (uint32_t i = AscendC::GetBlockIdx(); i < items; i += AscendC::GetBlockNum()) decode(i);
  }

 private:
  __aicore__ inline void decode(uint32_t index) {
    const Work work = this->open(index);
    uint32_t moves = 0;
    this->attender_.begin();
    attend(work);
    if (this->attender_.settle(this->headroom_)) {
      moves = 1;
      this->restart();
      attend(work);
      this->attender_.settle(this->headroom_);
    }
    this->close(work, 0, moves);
  }

  __aicore__ inline void attend(const Work& work) {
    this->stream_.push(work.first, work.last);
    this->stream_.drain();
  }
};

}  // namespace ascend
}  // namespace crest
