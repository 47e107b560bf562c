// Blocks of keys as row pointers, and streams of blocks. Contiguous, strided, gathered and paged rows all look the same
// to the kernels: pointers to a block's rows cost a few cycles against hundreds for the rows themselves.

/// Keys a kernel handles at once for a tile of HT query heads: few enough to keep two steady streams (K and V) instead
/// of bursts, and about 4 KiB of either at head_dim 128. One head needs more keys to fill a register tile.
template <int HT, class T>
inline constexpr int block_keys = std::max(tile / HT, elements_in<T> > 1 || sizeof(T) < 4 ? 16 : 8);

template <class T, int HT>
struct Block {
  static constexpr int keys = block_keys<HT, T>;
  const T* k[keys];
  const T* v[keys];
  Index key[keys];                                                           ///< positions in the cache
  float k_scale[is_scaled<T> ? keys : 1], v_scale[is_scaled<T> ? keys : 1];  ///< where elements need one
  int count = 0;

  /// Fills the block with keys first, first + 1 ... of one page.
  CREST_INLINE void fill(const KvRows<T>& rows, Index first) {
    const T *k_row = rows.key(first), *v_row = rows.value(first);
    CREST_UNROLL for (int i = 0; i < keys; ++i) {
      k[i] = k_row + i * rows.k.stride;
      v[i] = v_row + i * rows.v.stride;
      key[i] = first + i;
    }
    fill_scales(rows);
    count = keys;
  }
  /// Finds the rows of the first `n` keys, which stand in key[]. The places behind them repeat the last: kernels then
  /// compute, but never use, copies of it. Returns whether there is any.
  CREST_INLINE bool find_rows(const KvRows<T>& rows, int n) {
    count = n;
    if (n == 0) return false;
    for (int i = n; i < keys; ++i) key[i] = key[n - 1];
    for (int i = 0; i < keys; ++i) k[i] = rows.key(key[i]), v[i] = rows.value(key[i]);
    fill_scales(rows);
    return true;
  }

 private:
  CREST_INLINE void fill_scales(const KvRows<T>& rows) {
    if constexpr (is_scaled<T>) fill_scales(rows, rows.k_scale, k_scale), fill_scales(rows, rows.v_scale, v_scale);
  }
  /// Rows without scales of keys are rows whose user knows the scale.
  CREST_INLINE void fill_scales(const KvRows<T>& rows, const PerKey<float>& scales, float* to) {
    if (scales.data == nullptr)
      std::fill_n(to, keys, 1.0f);
    else
      for (int i = 0; i < keys; ++i) to[i] = *rows.pages.find(scales, key[i]);
  }
};

/// Touches the cache lines of `bytes` bytes that will be needed soon, into the second-level cache: a core can wait for
/// two dozen lines on behalf of its first level, and for many more on behalf of the second. Addresses are integers:
/// they may lie past a buffer, where a prefetch does nothing.
CREST_INLINE void prefetch_lines(std::uintptr_t at, Index bytes) {
  CREST_UNROLL for (Index line = 0; line < bytes; line += 64)
      __builtin_prefetch(reinterpret_cast<const void*>(at + static_cast<std::uintptr_t>(line)), 0, 2);
}

/// Address of element x of a row; of a block of elements, about.
template <class T>
CREST_INLINE std::uintptr_t address_of(const T* row, Index x) {
  return reinterpret_cast<std::uintptr_t>(row) + static_cast<std::uintptr_t>(x * Index{sizeof(T)} / elements_in<T>);
}

// What to prefetch while rows are read. from(i) is the same for the rows from the i-th on; touch<n>(i, row, x)
// prefetches what corresponds to the `n` elements from place x on of `row`, the i-th.

/// Rows in line: what lies some bytes behind, so that no pointers to it need registers. Twice, since K and V of a task
/// advance slowly and hardware prefetchers alone leave a third of the bandwidth of memory unused.
struct BytesAhead {
  Index near, far;

  CREST_INLINE BytesAhead from(int) const { return *this; }
  template <Index n, class T>
  CREST_INLINE void touch(int, const T* row, Index x) const {
    constexpr Index bytes = n * Index{sizeof(T)} / elements_in<T>;
    prefetch_lines(address_of(row, x) + static_cast<std::uintptr_t>(near), bytes);
    prefetch_lines(address_of(row, x) + static_cast<std::uintptr_t>(far), bytes);
  }
};
inline constexpr Index far_bytes = 4096;

/// A block of `keys` rows on, and about `far_bytes` behind that.
CREST_INLINE BytesAhead bytes_ahead(Index keys, Index row_bytes, Index stride_bytes) {
  return {keys * stride_bytes, (keys + (row_bytes < far_bytes ? far_bytes / row_bytes : 1)) * stride_bytes};
}

/// Scattered rows: those of N later blocks. What lies behind a row tells nothing.
template <class T, int N>
struct RowsAhead {
  const T* const* rows[N];

  CREST_INLINE RowsAhead from(int i) const {
    RowsAhead later = *this;
    CREST_UNROLL for (int b = 0; b < N; ++b) later.rows[b] += i;
    return later;
  }
  template <Index n>
  CREST_INLINE void touch(int i, const T*, Index x) const {
    CREST_UNROLL for (int b = 0; b < N; ++b)
        prefetch_lines(address_of(rows[b][i], x), n * Index{sizeof(T)} / elements_in<T>);
  }
};

/// The keys of some ranges inside `clip`, block by block. A block may run over holes and from page to page.
template <class T, int HT>
class RangeBlocks {
 public:
  CREST_INLINE RangeBlocks(const KvRows<T>& rows, std::span<const KeyRange> ranges, KeyRange clip)
      : rows_(rows), clip_(clip) {
    const std::span<const KeyRange> some = reaching_into(ranges, clip);
    range_ = some.data(), end_ = range_ + some.size();
  }

  CREST_INLINE bool next(Block<T, HT>& block) {
    if (length(left_) == 0 && !advance()) return false;
    if (length(left_) < keys) return gather(block);
    block.fill(rows_, left_.first);
    left_.first += keys;
    return true;
  }

 private:
  static constexpr Index keys = block_keys<HT, T>;

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
    int n = 0;
    for (; n < keys && (length(left_) > 0 || advance()); ++n) block.key[n] = left_.first++;
    return block.find_rows(rows_, n);
  }

  KvRows<T> rows_;
  KeyRange clip_, rest_{}, left_{};
  const KeyRange* range_;
  const KeyRange* end_;
};

/// Keys of a cache without pages: what is needed soon lies behind.
template <class T, int HT>
class RangeStream : public RangeBlocks<T, HT> {
 public:
  static constexpr unsigned lead = 0;  ///< blocks known in advance
  struct Coming {
    BytesAhead k, v;
  };

  CREST_INLINE RangeStream(const KvRows<T>& rows, std::span<const KeyRange> ranges, KeyRange clip)
      : RangeBlocks<T, HT>(rows, ranges, clip),
        coming_{bytes_ahead(block_keys<HT, T>, rows.k_bytes(), rows.k.stride * Index{sizeof(T)}),
                bytes_ahead(block_keys<HT, T>, rows.v_bytes(), rows.v.stride * Index{sizeof(T)})} {}

  CREST_INLINE Coming coming(const Block<T, HT>&, const Block<T, HT>&) const { return coming_; }

 private:
  Coming coming_;
};

/// Rows to prefetch where nothing is known of what lies behind.
template <class T, int N>
struct ScatteredComing {
  RowsAhead<T, N> k, v;
};

/// Keys of a cache in pages: the next block, and one far ahead. Once is not enough: a page in memory may lie where its
/// address is not known yet, and a prefetch that has to wait for that may come too late or not at all.
template <class T, int HT>
class PagedStream : public RangeBlocks<T, HT> {
 public:
  CREST_INLINE PagedStream(const KvRows<T>& rows, std::span<const KeyRange> ranges, KeyRange clip)
      : RangeBlocks<T, HT>(rows, ranges, clip) {}
  static constexpr unsigned lead = 64 / block_keys<HT, T>;
  using Coming = ScatteredComing<T, 2>;

  CREST_INLINE Coming coming(const Block<T, HT>& next, const Block<T, HT>& latest) const {
    return {{next.k, latest.k}, {next.v, latest.v}};
  }
};

/// Calls f(stream) for the keys of some ranges inside `clip`.
template <int HT, class T, class F>
CREST_INLINE auto with_stream(const KvRows<T>& rows, std::span<const KeyRange> ranges, KeyRange clip, F&& f) {
  return rows.pages.table ? f(PagedStream<T, HT>(rows, ranges, clip)) : f(RangeStream<T, HT>(rows, ranges, clip));
}

/// The keys of a set, block by block.
template <class T, int HT>
class SetStream {
 public:
  static constexpr unsigned lead = 16 / block_keys<HT, T>;
  using Coming = ScatteredComing<T, 1>;

  CREST_INLINE SetStream(const KvRows<T>& rows, const KeySet& keys)
      : rows_(rows), at_(keys.begin()), end_(keys.end()) {}

  CREST_INLINE bool next(Block<T, HT>& block) {
    int n = 0;
    for (; n < block.keys && at_ != end_; ++n, ++at_) block.key[n] = *at_;
    return block.find_rows(rows_, n);
  }
  CREST_INLINE Coming coming(const Block<T, HT>&, const Block<T, HT>& latest) const { return {{latest.k}, {latest.v}}; }

 private:
  KvRows<T> rows_;
  KeySet::Iterator at_;
  KeySet::End end_;
};

/// Blocks of a stream in flight: the one before, the one worked on, and those whose rows are being prefetched.
template <class T, int HT, class Stream>
struct BlockRing {
  static constexpr unsigned size = std::bit_ceil(Stream::lead + 2);  // a power of two: i counts on
  Block<T, HT> blocks[size];

  CREST_INLINE Block<T, HT>& operator[](unsigned i) { return blocks[i % size]; }
};

/// Calls f(block, coming) for every block of a stream. A block stays valid until the call after its own has returned.
template <class T, int HT, class Stream, class F>
CREST_INLINE void for_each_block(BlockRing<T, HT, Stream>& ring, Stream stream, F&& f) {
  constexpr unsigned lead = Stream::lead;
  unsigned filled = 0;
  while (filled <= lead && stream.next(ring[filled])) ++filled;
  for (unsigned now = 0; now < filled; ++now) {
    f(ring[now], stream.coming(ring[std::min(now + 1, filled - 1)], ring[filled - 1]));
    if (now + lead + 1 == filled) filled += stream.next(ring[filled]);
  }
}
