// What host and device agree on: plain structs in device memory. No pointers, no padding, no C++ beyond C++17.
//
// A row is one query head at one query; rows that share a KV head form a group. An item is a group times a contiguous
// range of keys: the unit of work of a vector core. A group's items are merged by a second kernel.
#pragma once

#include <cstdint>

#if defined(__aicore__)
#define CREST_AICORE __aicore__
#else
#define CREST_AICORE
#endif

namespace crest {
namespace ascend {

constexpr uint32_t max_heads = 16;      // query heads of an item; larger groups are cut, and read K and V again
constexpr uint32_t max_samples = 3072;  // sampled scores of an item, all heads together: 12 KiB of UB
constexpr uint32_t max_parts = 240;     // items of a group
constexpr uint32_t max_peaks = 16;      // windows per head
constexpr uint32_t info_words = 8;      // uint32 counters that an item leaves

/// Distances in elements. Row j of KV head h lies at base + h * head + j * row, or, in a paged cache, at
/// base + h * head + pages[j / page_rows] * page + j % page_rows * row. All are multiples of 16: DMA counts 32-byte
/// blocks.
struct CacheLayout {
  uint32_t row, page;
};

/// The whole launch.
struct Tiling {
  CacheLayout k, v, samples;
  uint32_t head_dim;  // of q, k, v and o: 64 or 128
  uint32_t items, groups;
  uint32_t page_rows;  // rows of a page; 0: no pages
  uint32_t stride;     // clustered: a cell is `stride` keys, sampled at its middle; stride * k.row <= 2^20
  uint32_t sampled;    // clustered: 1 when `samples` holds the sampled key of every cell, contiguously
  uint32_t reach;      // clustered: cells on either side of a peak that are always used
  uint32_t peaks;      // clustered: windows per head
  float margin;        // clustered: reference above the sampled maximum, nats
  float drop;          // clustered: cells whose sample lies within `drop` nats of the maximum are used
  float headroom;      // a score further above the reference makes the item start again
};

/// One unit of work. Bases are element offsets of the item's KV head (and, without pages, of its sequence).
struct Item {
  uint64_t k, v, samples;
  uint64_t sketch;                 // sketched: of the int8 keys, [keys][head_dim], never paged
  uint32_t page_table;             // first entry of the sequence in the page list
  uint32_t row, heads;             // first row of q, query heads
  uint32_t first, last;            // keys [first, last)
  uint32_t keep_until, keep_from;  // clustered: keys below, and from there on, are always used
  float scale;                     // scores in nats = scale * q . k
  float sketch_scale;              // sketched: a key is about sketch_scale times its int8 values
  uint32_t unused;
};

/// A group's items, and where its result goes.
struct Group {
  uint32_t first_item, items;
  uint32_t row, heads;
};

static_assert(sizeof(Item) == 72 && sizeof(Group) == 16, "host and device must agree on the layout");

/// Counters of an item, as it writes them, words of `info`: keys used; K and V rows loaded (more, where the item
/// started again); keys sampled or sketched, each time; how often it started again.
enum InfoWord { info_used, info_loaded, info_sampled, info_moves };

/// Floats of one item's record: o [heads][head_dim] (a weighted sum, not yet normalised), then four vectors of
/// padded_heads: l, reference, highest score, mass left out.
CREST_AICORE constexpr uint32_t padded_heads(uint32_t heads) { return (heads + 7) / 8 * 8; }
CREST_AICORE constexpr uint32_t record_floats(uint32_t head_dim) { return max_heads * head_dim + 4 * max_heads; }

/// Floats of one group's result: o [heads][head_dim], then lse and the share of the mass left out, padded_heads each.
CREST_AICORE constexpr uint32_t result_floats(uint32_t head_dim) { return max_heads * head_dim + 2 * max_heads; }

}  // namespace ascend
}  // namespace crest
