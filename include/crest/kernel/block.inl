// Blocks of keys as row pointers, and streams of blocks. Contiguous, strided, gathered and paged rows all look the same
// to the kernels: eight pointers cost a few cycles against hundreds for the rows behind them.

/// Keys a kernel handles at once for a tile of HT query heads. Blocks of 8 keep two steady streams (K and V) instead of
/// bursts; one head needs more keys to fill a register tile.
template <int HT>
inline constexpr int block_keys = tile / HT > 8 ? tile / HT : 8;

template <class T, int HT>
struct Block {
  const T* k[block_keys<HT>];
  const T* v[block_keys<HT>];
  Index key[block_keys<HT>];  ///< positions in the cache
  int count = 0;

  CREST_INLINE bool full() const { return count == block_keys<HT>; }
  CREST_INLINE void add(const KvRows<T>& rows, Index j) {
    k[count] = rows.key(j);
    v[count] = rows.value(j);
    key[count++] = j;
  }
  /// Fills the unused places with the last key: kernels then compute, but never use, copies of it.
  CREST_INLINE bool pad() {
    for (int i = count; i < block_keys<HT> && count > 0; ++i)
      k[i] = k[count - 1], v[i] = v[count - 1], key[i] = key[count - 1];
    return count > 0;
  }
};

/// The keys of some ranges inside `clip`, block by block. A block may run over holes.
template <class T, int HT>
class RangeStream {
 public:
  CREST_INLINE RangeStream(const KvRows<T>& rows, std::span<const KeyRange> ranges, KeyRange clip)
      : rows_(rows), clip_(clip) {
    const KeyRange* last = ranges.data() + ranges.size();
    range_ = std::partition_point(ranges.data(), last, [&](KeyRange r) { return r.last <= clip.first; });
    end_ = std::partition_point(range_, last, [&](KeyRange r) { return r.first < clip.last; });
    if (range_ != end_) left_ = intersect(*range_, clip_);
  }

  CREST_INLINE bool next(Block<T, HT>& block) {
    block.count = 0;
    while (range_ != end_ && !block.full()) {
      if (left_.first < left_.last)
        block.add(rows_, left_.first++);
      else if (++range_ != end_)
        left_ = intersect(*range_, clip_);
    }
    return block.pad();
  }

 private:
  KvRows<T> rows_;
  KeyRange clip_, left_{};
  const KeyRange* range_;
  const KeyRange* end_;
};

/// The keys of a set, block by block.
template <class T, int HT>
class SetStream {
 public:
  CREST_INLINE SetStream(const KvRows<T>& rows, const KeySet& keys) : rows_(rows), at_(keys.begin()), end_(keys.end()) {}

  CREST_INLINE bool next(Block<T, HT>& block) {
    for (block.count = 0; at_ != end_ && !block.full(); ++at_) block.add(rows_, *at_);
    return block.pad();
  }

 private:
  KvRows<T> rows_;
  KeySet::Iterator at_;
  KeySet::End end_;
};

/// Calls f(block, next) for every block of a stream; `next` is the block after it, or the block itself at the end.
template <class T, int HT, class Stream, class F>
CREST_INLINE void for_each_block(Stream stream, F&& f) {
  Block<T, HT> blocks[2];
  bool more = stream.next(blocks[0]);
  for (int now = 0; more; now ^= 1) {
    more = stream.next(blocks[now ^ 1]);
    f(blocks[now], blocks[more ? now ^ 1 : now]);
  }
}
