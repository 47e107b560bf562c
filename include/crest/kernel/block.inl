// Blocks of keys as row pointers, and streams of blocks. Contiguous, strided, gathered and paged rows all look the same
// to the kernels: pointers to a block's rows cost a few cycles against hundreds for the rows themselves.

/// Keys a kernel handles at once for a tile of HT query heads: few enough to keep two steady streams (K and V) instead
/// of bursts, and about 4 KiB of either at head_dim 128. One head needs more keys to fill a register tile.
template <int HT, class T>
inline constexpr int block_keys = std::max(tile / HT, sizeof(T) < 4 ? 16 : 8);

template <class T, int HT>
struct Block {
  static constexpr int keys = block_keys<HT, T>;
  const T* k[keys];
  const T* v[keys];
  Index key[keys];  ///< positions in the cache
  int count = 0;

  CREST_INLINE bool full() const { return count == keys; }
  /// Fills the block with keys first, first + 1, ...
  CREST_INLINE void fill(const KvRows<T>& rows, Index first) {
    CREST_UNROLL for (int i = 0; i < keys; ++i) {
      k[i] = rows.key(first + i);
      v[i] = rows.value(first + i);
      key[i] = first + i;
    }
    count = keys;
  }
  CREST_INLINE void add(const KvRows<T>& rows, Index j) {
    k[count] = rows.key(j);
    v[count] = rows.value(j);
    key[count++] = j;
  }
  /// Fills the unused places with the last key: kernels then compute, but never use, copies of it.
  CREST_INLINE bool pad() {
    for (int i = count; i < keys && count > 0; ++i) k[i] = k[count - 1], v[i] = v[count - 1], key[i] = key[count - 1];
    return count > 0;
  }
};

/// Touches the cache lines of `bytes` bytes that will be needed soon. Addresses are integers: they may lie past a
/// buffer, where a prefetch does nothing.
CREST_INLINE void prefetch_lines(std::uintptr_t at, Index bytes) {
  CREST_UNROLL for (Index line = 0; line < bytes; line += 64)
      __builtin_prefetch(reinterpret_cast<const void*>(at + static_cast<std::uintptr_t>(line)), 0, 3);
}

// What to prefetch while rows are read. from(i) is the same for the rows from the i-th on; touch<bytes>(i, row, x)
// prefetches what corresponds to the `bytes` bytes from element x of `row`, the i-th.

/// Contiguous rows: what lies some bytes behind, so that no pointers to it need registers. Twice, since K and V of a
/// task advance slowly and hardware prefetchers alone leave a third of the bandwidth of memory unused.
struct BytesAhead {
  Index near, far;

  CREST_INLINE BytesAhead from(int) const { return *this; }
  template <int bytes, class T>
  CREST_INLINE void touch(int, const T* row, Index x) const {
    const auto at = reinterpret_cast<std::uintptr_t>(row + x);
    prefetch_lines(at + static_cast<std::uintptr_t>(near), bytes);
    prefetch_lines(at + static_cast<std::uintptr_t>(far), bytes);
  }
};
inline constexpr Index far_bytes = 4096;

/// A block of `keys` rows on, and about `far_bytes` behind that.
CREST_INLINE BytesAhead bytes_ahead(Index keys, Index row_bytes, Index stride_bytes) {
  return {keys * stride_bytes, (keys + (row_bytes < far_bytes ? far_bytes / row_bytes : 1)) * stride_bytes};
}

/// Scattered rows: those of a later block. What lies behind a row tells nothing.
template <class T>
struct RowsAhead {
  const T* const* rows;

  CREST_INLINE RowsAhead from(int i) const { return {rows + i}; }
  template <int bytes>
  CREST_INLINE void touch(int i, const T*, Index x) const {
    prefetch_lines(reinterpret_cast<std::uintptr_t>(rows[i] + x), bytes);
  }
};

/// The keys of some ranges inside `clip`, block by block. A block may run over holes.
template <class T, int HT>
class RangeStream {
 public:
  static constexpr unsigned lead = 0;  ///< blocks known in advance
  struct Coming {
    BytesAhead k, v;
  };

  CREST_INLINE RangeStream(const KvRows<T>& rows, std::span<const KeyRange> ranges, KeyRange clip)
      : rows_(rows),
        clip_(clip),
        coming_{bytes_ahead(keys, rows.k_bytes(), rows.k_stride * Index{sizeof(T)}),
                bytes_ahead(keys, rows.v_bytes(), rows.v_stride * Index{sizeof(T)})} {
    const std::span<const KeyRange> some = reaching_into(ranges, clip);
    range_ = some.data(), end_ = range_ + some.size();
    if (range_ != end_) left_ = intersect(*range_, clip_);
  }

  CREST_INLINE bool next(Block<T, HT>& block) {
    if (left_.last - left_.first < keys) return gather(block);
    block.fill(rows_, left_.first);
    left_.first += keys;
    return true;
  }
  CREST_INLINE Coming coming(const Block<T, HT>&) const { return coming_; }

 private:
  static constexpr Index keys = block_keys<HT, T>;

  /// The last keys of a range, and the first of those after it.
  [[gnu::noinline]] bool gather(Block<T, HT>& block) {
    block.count = 0;
    while (range_ != end_ && !block.full()) {
      if (left_.first < left_.last)
        block.add(rows_, left_.first++);
      else if (++range_ != end_)
        left_ = intersect(*range_, clip_);
    }
    return block.pad();
  }

  KvRows<T> rows_;
  KeyRange clip_, left_{};
  Coming coming_;
  const KeyRange* range_;
  const KeyRange* end_;
};

/// The keys of a set, block by block.
template <class T, int HT>
class SetStream {
 public:
  static constexpr unsigned lead = 16 / block_keys<HT, T>;
  struct Coming {
    RowsAhead<T> k, v;
  };

  CREST_INLINE SetStream(const KvRows<T>& rows, const KeySet& keys)
      : rows_(rows), at_(keys.begin()), end_(keys.end()) {}

  CREST_INLINE bool next(Block<T, HT>& block) {
    for (block.count = 0; at_ != end_ && !block.full(); ++at_) block.add(rows_, *at_);
    return block.pad();
  }
  /// Rows to prefetch: those of the latest block known.
  CREST_INLINE Coming coming(const Block<T, HT>& latest) const { return {{latest.k}, {latest.v}}; }

 private:
  KvRows<T> rows_;
  KeySet::Iterator at_;
  KeySet::End end_;
};

/// Blocks in flight: the one before, the one worked on, and those whose rows are being prefetched.
template <class T, int HT>
struct BlockRing {
  static constexpr unsigned size = 4;
  Block<T, HT> blocks[size];

  CREST_INLINE Block<T, HT>& operator[](unsigned i) { return blocks[i % size]; }
};

/// Calls f(block, coming) for every block of a stream. A block stays valid until the call after its own has returned.
template <class T, int HT, class Stream, class F>
CREST_INLINE void for_each_block(BlockRing<T, HT>& ring, Stream stream, F&& f) {
  constexpr unsigned lead = Stream::lead;
  unsigned filled = 0;
  while (filled <= lead && stream.next(ring[filled])) ++filled;
  for (unsigned now = 0; now < filled; ++now) {
    f(ring[now], stream.coming(ring[filled - 1]));
    if (now + lead + 1 == filled) filled += stream.next(ring[filled]);
  }
}
