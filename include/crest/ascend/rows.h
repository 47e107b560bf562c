// Rows of one KV head in global memory, contiguous or in pages.
#pragma once

#include "crest/ascend/device.h"

namespace crest {
namespace ascend {

/// A sequence's list of pages; rows = 0: the cache is one piece.
struct Pages {
  __gm__ uint32_t* list;
  uint32_t rows;
};

template <int D>
class Rows {
 public:
  __aicore__ inline void open(__gm__ half* base, const CacheLayout& layout, const Pages& pages) {
    rows_.SetGlobalBuffer(base);
    layout_ = layout;
    pages_ = pages;
  }

  /// Rows first, first + step, ... (n of them) into consecutive rows of `dst`. One transfer per page: a whole stretch
  /// when rows are adjacent, else pieces of one row.
  __aicore__ inline void load(const AscendC::LocalTensor<half>& dst, uint32_t first, uint32_t n, uint32_t step) const {
    for (uint32_t done = 0; done < n;) {
      const uint32_t m = smaller(n - done, in_page(first, step));
      copy(dst[done * D], offset(first), m, step);
      done += m;
      first += m * step;
    }
  }

 private:
  /// How many of the rows first, first + step, ... lie in first's page.
  __aicore__ inline uint32_t in_page(uint32_t first, uint32_t step) const {
    return pages_.rows == 0 ? 0xffffffffu : (pages_.rows - first % pages_.rows - 1) / step + 1;
  }

  __aicore__ inline uint64_t offset(uint32_t row) const {
    if (pages_.rows == 0) return static_cast<uint64_t>(row) * layout_.row;
    const uint64_t page = pages_.list[row / pages_.rows];
    return page * layout_.page + static_cast<uint64_t>(row % pages_.rows) * layout_.row;
  }

  __aicore__ inline void copy(const AscendC::LocalTensor<half>& dst, uint64_t at, uint32_t n, uint32_t step) const {
    const uint32_t gap = step * layout_.row - D;
    if (gap == 0)
      AscendC::DataCopy(dst, rows_[at], n * D);
    else
      AscendC::DataCopy(dst, rows_[at], AscendC::DataCopyParams(n, Shape<D>::row_blocks, gap / 16, 0));
  }

  AscendC::GlobalTensor<half> rows_;
  CacheLayout layout_;
  Pages pages_;
};

}  // namespace ascend
}  // namespace crest
