// Cells: an item's keys in units of the sampling stride, and sets of cells as bits.
#pragma once

#include "crest/ascend/device.h"

namespace crest {
namespace ascend {

/// Cell c holds keys [c * stride, (c + 1) * stride) of the cache and is sampled at its middle. Indices below count from
/// the item's first cell. A cell cut off by the item's ends may lack its sample; such cells are always used.
struct Cells {
  uint32_t begin, count;        // absolute number of the first cell; how many
  uint32_t sampled, unsampled;  // cells [sampled, unsampled) have their sample inside the item
  uint32_t pitch;               // count rounded up to whole repeats of 64
  uint32_t stride, first, last;

  __aicore__ inline void open(uint32_t first_key, uint32_t last_key, uint32_t keys_per_cell) {
    stride = keys_per_cell;
    first = first_key;
    last = last_key;
    begin = first / stride;
    count = (last + stride - 1) / stride - begin;
    sampled = middle(0) >= first ? 0 : 1;
    unsampled = middle(count - 1) < last ? count : count - 1;
    unsampled = larger(unsampled, sampled);
    pitch = round_up(count, lanes);
  }

  /// The sampled key of a cell.
  __aicore__ inline uint32_t middle(uint32_t cell) const { return (begin + cell) * stride + stride / 2; }

  /// First key of a cell, inside the item. key(count) is the item's end.
  __aicore__ inline uint32_t key(uint32_t cell) const { return smaller(larger((begin + cell) * stride, first), last); }

  /// First cell that starts at or after the key / first cell that ends after it, clamped to the item's cells.
  __aicore__ inline uint32_t cell_from(uint32_t at) const { return clamped(at / stride); }
  __aicore__ inline uint32_t cells_below(uint32_t at) const { return clamped((at + stride - 1) / stride); }

  __aicore__ inline uint32_t words() const { return pitch / 64; }

 private:
  __aicore__ inline uint32_t clamped(uint32_t cell) const { return smaller(larger(cell, begin) - begin, count); }
};

/// A run of set bits in a word: [first, last), last <= 64. Removes it from the word, which must not be 0.
struct Run {
  uint32_t first, last;
};
__aicore__ inline Run take_run(uint64_t& word) {
  const uint32_t first = AscendC::ScalarGetSFFValue<1>(word);
  const int64_t ones = AscendC::ScalarGetSFFValue<0>(word >> first);
  const uint32_t last = ones < 0 || first + ones > 64 ? 64 : first + static_cast<uint32_t>(ones);
  word = last == 64 ? 0 : word >> last << last;
  return {first, last};
}

/// Sets the bits of cells [from, to).
__aicore__ inline void mark(const AscendC::LocalTensor<uint64_t>& set, uint32_t from, uint32_t to) {
  for (; from < to; from = (from / 64 + 1) * 64) {
    const uint32_t end = smaller(to, (from / 64 + 1) * 64);
    const uint64_t ones = end - from == 64 ? ~0ull : (1ull << (end - from)) - 1;
    set.SetValue(from / 64, set.GetValue(from / 64) | ones << from % 64);
  }
}

}  // namespace ascend
}  // namespace crest
