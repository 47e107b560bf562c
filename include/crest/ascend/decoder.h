// What exact and clustered decode share: the item, its rows, its record.
#pragma once

#include "crest/ascend/stream.h"

namespace crest {
namespace ascend {

/// Addresses a kernel was launched with. `samples` (sampled keys, or the int8 sketch) and `slots` belong to
/// the kernels that leave keys out.
struct Operands {
  __gm__ uint8_t *q, *k, *v, *samples, *pages, *items, *records, *info, *slots, *tiling;
};

/// An item in registers.
struct Work {
  uint32_t index, heads, first, last;
};

template <int D>
class Decoder {
 public:
  __aicore__ inline void init(AscendC::TPipe* pipe, const Operands& operands, uint8_t copies = 2) {
    args_ = operands;
    tiling_ = reinterpret_cast<__gm__ Tiling*>(operands.tiling);
    buffers_.init(pipe, copies);
    attender_.init(&buffers_);
    stream_.init(&buffers_, &attender_);
    headroom_ = tiling_->headroom;
    first_info_ = true;
  }

 protected:
  /// Loads the item's queries and points the streams at its rows.
  __aicore__ inline Work open(uint32_t index) {
    __gm__ Item* item = item_at(index);
    AscendC::GlobalTensor<float> q;
    q.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(args_.q) + static_cast<uint64_t>(item->row) * D);
    attender_.scorer().open(q, item->heads, item->scale);
    stream_.open(rows(args_.k, item->k, &tiling_->k, item), rows(args_.v, item->v, &tiling_->v, item));
    return {index, item->heads, item->first, item->last};
  }

  /// Sends record and counters off.
  __aicore__ inline void close(const Work& work, uint32_t sampled, uint32_t moves) {
    AscendC::GlobalTensor<float> record;
    record.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(args_.records) +
                           static_cast<uint64_t>(work.index) * record_floats(D));
    attender_.finish(record);
    attender_.scorer().close();
    write_info(work.index, sampled, moves);
  }

  __aicore__ inline __gm__ Item* item_at(uint32_t index) const {
    return reinterpret_cast<__gm__ Item*>(args_.items) + index;
  }

  __aicore__ inline Rows<D> rows(__gm__ uint8_t* base, uint64_t offset, __gm__ CacheLayout* layout,
                                 __gm__ Item* item) const {
    Rows<D> r;
    r.open(reinterpret_cast<__gm__ half*>(base) + offset, {layout->row, layout->page},
           {reinterpret_cast<__gm__ uint32_t*>(args_.pages) + item->page_table, tiling_->page_rows});
    return r;
  }

  /// Rows that are never paged.
  __aicore__ inline Rows<D> contiguous_rows(__gm__ uint8_t* base, uint64_t offset, __gm__ CacheLayout* layout) const {
    Rows<D> r;
    r.open(reinterpret_cast<__gm__ half*>(base) + offset, {layout->row, 0}, {nullptr, 0});
    return r;
  }

  Operands args_;
  __gm__ Tiling* tiling_;
  Buffers<D> buffers_;
  Attender<D> attender_;
  Stream<D> stream_;
  float headroom_;

  /// Forgets the item's sums; what was the highest score is the reference of the second attempt.
  __aicore__ inline void restart() {
    attender_.restart();
    stream_.restart();
  }

 private:
  __aicore__ inline void write_info(uint32_t index, uint32_t sampled, uint32_t moves) {
    if (!first_info_) sync<AscendC::HardEvent::MTE3_S>();
    first_info_ = false;
    for (uint32_t w = 0; w < info_words; ++w) buffers_.info.SetValue(w, 0);
    buffers_.info.SetValue(info_used, stream_.used());
    buffers_.info.SetValue(info_loaded, stream_.loaded());
    buffers_.info.SetValue(info_sampled, sampled);
    buffers_.info.SetValue(info_moves, moves);
    sync<AscendC::HardEvent::S_MTE3>();
    AscendC::GlobalTensor<uint32_t> to;
    to.SetGlobalBuffer(reinterpret_cast<__gm__ uint32_t*>(args_.info) + index * info_words);
    AscendC::DataCopy(to, buffers_.info, info_words);
  }

  bool first_info_;
};

}  // namespace ascend
}  // namespace crest
