// The sampler: scores one key per cell.
#pragma once

#include "crest/ascend/cells.h"
#include "crest/ascend/rows.h"
#include "crest/ascend/scorer.h"

namespace crest {
namespace ascend {

/// Reads K at the cells' middles: by strided transfers of single rows from the cache, or, where the engine keeps one,
/// from a contiguous cache of the sampled keys (row c is the middle of cell c), in whole tiles of 16 KiB.
template <int D>
class Sampler {
 public:
  __aicore__ inline void init(Buffers<D>* buffers, Scorer<D>* scorer) {
    b_ = buffers;
    scorer_ = scorer;
  }

  /// samples[head * pitch + cell] = score of the cell's sampled key; `nothing` where there is none.
  __aicore__ inline void sample(const Cells& cells, const Rows<D>& keys, bool contiguous) {
    cells_ = cells;
    keys_ = keys;
    contiguous_ = contiguous;
    AscendC::Duplicate(b_->samples, nothing, scorer_->heads() * cells.pitch);
    barrier();
    load(cells.sampled);
    for (uint32_t at = cells.sampled; at < cells.unsampled; at += Shape<D>::rows) {
      load(at + Shape<D>::rows);
      scorer_->score(rows_at(at), b_->samples[at], cells.pitch);
    }
  }

 private:
  __aicore__ inline uint32_t rows_at(uint32_t cell) const { return smaller(Shape<D>::rows, cells_.unsampled - cell); }

  /// Issues the transfer of the tile that starts at a cell, if there is one.
  __aicore__ inline void load(uint32_t cell) {
    if (cell >= cells_.unsampled) return;
    AscendC::LocalTensor<half> tile = b_->k.template AllocTensor<half>();
    if (contiguous_)
      keys_.load(tile, cells_.begin + cell, rows_at(cell), 1);
    else
      keys_.load(tile, cells_.middle(cell), rows_at(cell), cells_.stride);
    b_->k.EnQue(tile);
  }

  Buffers<D>* b_;
  Scorer<D>* scorer_;
  Cells cells_;
  Rows<D> keys_;
  bool contiguous_;
};

}  // namespace ascend
}  // namespace crest
