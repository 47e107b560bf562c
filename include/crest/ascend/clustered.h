// Clustered decode: sampler and refiner inside one vector core, or one on each vector unit of an AI core.
#pragma once

#include "crest/ascend/decoder.h"
#include "crest/ascend/refiner.h"
#include "crest/ascend/sampler.h"

namespace crest {
namespace ascend {

/// Both halves of the work on an item, and how they hand over.
template <int D>
class ClusteredDecoder : public Decoder<D> {
 public:
  __aicore__ inline void init(AscendC::TPipe* pipe, const Operands& operands) {
    Decoder<D>::init(pipe, operands);
    this->buffers_.init_samples(pipe);
    sampler_.init(&this->buffers_, &this->attender_.scorer());
    refiner_.init(&this->buffers_, &this->attender_, &this->stream_);
    const __gm__ Tiling* t = this->tiling_;
    how_ = {t->reach, t->peaks, t->margin, t->drop};
  }

  /// Every core takes whole items. MTE2 stays a tile ahead of V while samples are scored and while windows are
  /// attended; in between, the scalar unit needs all samples to choose the windows.
  __aicore__ inline void run() {
    const uint32_t items = this->tiling_->items;
    for (uint32_t i = AscendC::GetBlockIdx(); i < items; i += AscendC::GetBlockNum()) {
      const Work work = open(i);
      sample(i);
      refine(work);
    }
  }

 protected:
  __aicore__ inline Work open(uint32_t index) {
    const Work work = Decoder<D>::open(index);
    cells_.open(work.first, work.last, this->tiling_->stride);
    return work;
  }

  __aicore__ inline void sample(uint32_t index) {
    __gm__ Item* item = this->item_at(index);
    if (this->tiling_->sampled)
      sampler_.sample(cells_, this->contiguous_rows(this->args_.samples, item->samples, &this->tiling_->samples), true);
    else
      sampler_.sample(cells_, this->rows(this->args_.k, item->k, &this->tiling_->k, item), false);
  }

  __aicore__ inline void refine(const Work& work) {
    __gm__ Item* item = this->item_at(work.index);
    uint32_t moves = 0;
    this->attender_.begin();
    refiner_.reset();
    refiner_.open(cells_, how_, item->keep_until, item->keep_from);
    refiner_.attend_kept();
    this->attender_.settle(this->headroom_);
    refiner_.attend_plateaus();
    if (this->attender_.settle(this->headroom_)) {
      moves = 1;
      this->restart();
      refiner_.attend_kept();
      this->attender_.settle(this->headroom_);
    }
    refiner_.estimate_missed(this->attender_.missed());
    this->close(work, cells_.unsampled - cells_.sampled, moves);
  }

  Cells cells_;

 private:
  Sampler<D> sampler_;
  Refiner<D> refiner_;
  Clustering how_;
};

#if __CCE_AICORE__ == 220
/// The two vector units of an AI core as a pipeline: unit 0 samples item t + 1 into one of two slots in global memory
/// while unit 1 refines item t from the other. Per item one barrier between the two, and the samples travel through GM.
template <int D>
class MixDecoder : public ClusteredDecoder<D> {
 public:
  __aicore__ inline void run() {
    const uint32_t items = this->tiling_->items, unit = AscendC::GetSubBlockIdx();
    const uint32_t pair = AscendC::GetBlockIdx() / 2;
    slots_.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(this->args_.slots) + pair * 2 * max_samples);
    uint32_t slot = 0;
    for (uint32_t i = pair; i < items; i += AscendC::GetBlockNum(), slot = max_samples - slot) {
      if (unit == 0)
        sample_into(slot, i);
      else
        refine_from(slot, i);
    }
  }

 private:
  static constexpr uint16_t ready = 1;  // cross-core flag

  /// Passes when the transfers of both units are done; all pipes of both wait, so it orders what comes after, too.
  __aicore__ inline void meet() {
    AscendC::CrossCoreSetFlag<1, PIPE_MTE3>(ready);
    AscendC::CrossCoreWaitFlag(ready);
  }

  __aicore__ inline void sample_into(uint32_t slot, uint32_t index) {
    const Work work = this->open(index);
    this->sample(index);
    this->attender_.scorer().close();
    sync<AscendC::HardEvent::V_MTE3>();
    AscendC::DataCopy(slots_[slot], this->buffers_.samples, work.heads * this->cells_.pitch);
    meet();
  }

  __aicore__ inline void refine_from(uint32_t slot, uint32_t index) {
    const Work work = this->open(index);
    meet();
    sync<AscendC::HardEvent::V_MTE2>();
    AscendC::DataCopy(this->buffers_.samples, slots_[slot], work.heads * this->cells_.pitch);
    sync<AscendC::HardEvent::MTE2_V>();
    this->refine(work);
  }

  AscendC::GlobalTensor<float> slots_;
};
#endif

}  // namespace ascend
}  // namespace crest
