// Blocks of keys as row pointers, and streams of blocks. Contiguous, strided, gathered and paged rows all look the same
// to the kernels: eight pointers cost a few cycles against hundreds for the rows behind them.

/// Keys a kernel handles at once for a tile of HT query heads. Blocks of 8 keep two steady streams (K and V) instead of
/// bursts; one head needs more keys to fill a register tile.
template <int HT>
inline constexpr int block_keys = tile / HT > 8 ? tile / HT : 8;

template <class T, int HT>
struct Block {
  static constexpr int size = block_keys<HT>;
  const T* k[size];
  const T* v[size];
  Index key[size];                                                           ///< positions in the cache
  float k_scale[is_scaled<T> ? size : 1], v_scale[is_scaled<T> ? size : 1];  ///< where elements need one
  int count = 0;

  CREST_INLINE bool full() const { return count == size; }
  /// Fills the block with keys first, first + 1 ... of one page.
  CREST_INLINE void fill(const KvRows<T>& rows, Index first) {
    const T *k_row = rows.key(first), *v_row = rows.value(first);
    CREST_UNROLL for (int i = 0; i < size; ++i) {
      k[i] = k_row + i * rows.k.stride;
      v[i] = v_row + i * rows.v.stride;
      key[i] = first + i;
    }
    fill_scales(rows, 0, size);
    count = size;
  }
  CREST_INLINE void add(const KvRows<T>& rows, Index j) {
    k[count] = rows.key(j);
    v[count] = rows.value(j);
    key[count] = j;
    fill_scales(rows, count, count + 1);
    ++count;
  }
  /// Fills the unused places with the last key: kernels then compute, but never use, copies of it.
  CREST_INLINE bool pad(const KvRows<T>& rows) {
    for (int i = count; i < size && count > 0; ++i) k[i] = k[count - 1], v[i] = v[count - 1], key[i] = key[count - 1];
    if (count > 0) fill_scales(rows, count, size);
    return count > 0;
  }

 private:
  /// Rows without scales of keys are rows whose user knows the scale.
  CREST_INLINE void fill_scales(const KvRows<T>& rows, int from, int to) {
    if constexpr (is_scaled<T>)
      for (int i = from; i < to; ++i) {
        k_scale[i] = rows.k_scale.data ? *rows.pages.find(rows.k_scale, key[i]) : 1.0f;
        v_scale[i] = rows.v_scale.data ? *rows.pages.find(rows.v_scale, key[i]) : 1.0f;
      }
  }
};

/// How many bytes behind a row the far prefetch reaches: hardware prefetchers alone leave a third of the bandwidth of
/// memory unused, since K and V of a task advance slowly. 0 where rows are scattered.
struct Reach {
  Index k = 0, v = 0;
};
inline constexpr Index far_bytes = 4096;

/// Distance in bytes of the row that begins about `far_bytes` behind a row of `bytes` bytes.
CREST_INLINE Index reach_of(Index bytes, Index stride_bytes) {
  return (bytes < far_bytes ? far_bytes / bytes : 1) * stride_bytes;
}

/// The keys of some ranges inside `clip`, block by block. A block may run over holes.
template <class T, int HT>
class RangeStream {
 public:
  CREST_INLINE RangeStream(const KvRows<T>& rows, std::span<const KeyRange> ranges, KeyRange clip)
      : rows_(rows),
        clip_(clip),
        reach_(rows.pages.table ? Reach{}
                                : Reach{reach_of(rows.k_bytes(), rows.k.stride * Index{sizeof(T)}),
                                        reach_of(rows.v_bytes(), rows.v.stride * Index{sizeof(T)})}) {
    const std::span<const KeyRange> some = reaching_into(ranges, clip);
    range_ = some.data(), end_ = range_ + some.size();
  }

  CREST_INLINE bool next(Block<T, HT>& block) {
    constexpr Index all = block_keys<HT>;
    if (length(left_) == 0 && !advance()) return false;
    if (length(left_) < all) return gather(block);
    block.fill(rows_, left_.first);
    left_.first += all;
    return true;
  }
  CREST_INLINE Reach reach() const { return reach_; }
  /// Rows are prefetched this many blocks before their use, and once more `reach` bytes ahead; earlier in a paged
  /// cache, where nothing is known of what lies behind.
  CREST_INLINE unsigned lead() const { return rows_.pages.table ? 3 : 1; }

 private:
  /// The next keys that lie in line: the rest of a range, or of a page.
  CREST_INLINE bool advance() {
    while (length(rest_) == 0) {
      if (range_ == end_) return false;
      rest_ = intersect(*range_++, clip_);
    }
    left_ = intersect(rest_, rows_.pages.run(rest_.first));
    rest_.first = left_.last;
    return true;
  }
  /// The last keys in line, and the first of those after them.
  [[gnu::noinline]] bool gather(Block<T, HT>& block) {
    block.count = 0;
    while (!block.full() && (length(left_) > 0 || advance())) block.add(rows_, left_.first++);
    return block.pad(rows_);
  }

  KvRows<T> rows_;
  KeyRange clip_, rest_{}, left_{};
  Reach reach_;
  const KeyRange* range_;
  const KeyRange* end_;
};

/// The keys of a set, block by block.
template <class T, int HT>
class SetStream {
 public:
  CREST_INLINE SetStream(const KvRows<T>& rows, const KeySet& keys)
      : rows_(rows), at_(keys.begin()), end_(keys.end()) {}

  CREST_INLINE bool next(Block<T, HT>& block) {
    for (block.count = 0; at_ != end_ && !block.full(); ++at_) block.add(rows_, *at_);
    return block.pad(rows_);
  }
  CREST_INLINE Reach reach() const { return {}; }
  CREST_INLINE unsigned lead() const { return 2; }

 private:
  KvRows<T> rows_;
  KeySet::Iterator at_;
  KeySet::End end_;
};

/// Rows to prefetch while a block is worked on: `rows` of a later block, and what lies `far` bytes behind them.
template <class T>
struct Ahead {
  const T* const* rows;
  Index far;
};

/// What will be needed after a block: a block a few places on, and how far behind it to reach out.
template <class T, int HT>
struct Coming {
  const Block<T, HT>& block;
  Reach reach;

  CREST_INLINE Ahead<T> k() const { return {block.k, reach.k}; }
  CREST_INLINE Ahead<T> v() const { return {block.v, reach.v}; }
};

/// Blocks in flight: the one before, the one worked on, and those whose rows are being prefetched.
template <class T, int HT>
struct BlockRing {
  static constexpr unsigned size = 8;  ///< a power of two above the longest lead + 1
  Block<T, HT> blocks[size];

  CREST_INLINE Block<T, HT>& operator[](unsigned i) { return blocks[i % size]; }
};

/// Calls f(block, coming) for every block of a stream. A block stays valid until the call after its own has returned.
template <class T, int HT, class Stream, class F>
CREST_INLINE void for_each_block(BlockRing<T, HT>& ring, Stream stream, F&& f) {
  const unsigned lead = stream.lead();
  unsigned filled = 0;
  while (filled < lead && stream.next(ring[filled])) ++filled;
  for (unsigned now = 0; now < filled; ++now) {
    if (now + lead == filled) filled += stream.next(ring[filled]);
    f(ring[now], Coming<T, HT>{ring[filled - 1], stream.reach()});
  }
}
