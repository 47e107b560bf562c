// Products of many rows with a tile of keys, in floats.
//
// A tile of 64 keys is packed once: K transposed, so that keys are lanes, V as it lies. Per tile and row: 64 * head_dim
// multiply-adds for scores and 64 * value_dim for values. Packing costs about as much as six rows.

/// Which keys a tile of N holds.
template <int N>
struct TileKeys {
  static constexpr int keys = N;
  Index key[keys]{};
  int count = 0;
  bool finite = true;  ///< the values are

  CREST_INLINE KeyRange range() const { return {key[0], key[count - 1] + 1}; }
  /// Whether the keys are consecutive.
  CREST_INLINE bool in_line() const { return key[count - 1] - key[0] == count - 1; }
};

/// Takes the next blocks of a stream as a tile: pack(block, at) packs one from place `at` on. Places past the last key
/// repeat it. Returns false at the end of the stream.
template <class T, int N, class Stream, class F>
bool take_tile(Stream& stream, TileKeys<N>& tile, F&& pack) {
  constexpr int keys = block_keys<1, T>;
  Block<T, 1> block;
  tile.count = 0;
  for (Index at = 0; at < tile.keys && stream.next(block); at += keys) {
    pack(block, at);
    std::copy_n(block.key, keys, tile.key + at);
    tile.count += block.count;
  }
  if (tile.count == 0) return false;
  std::fill(tile.key + tile.count, tile.key + tile.keys, tile.key[tile.count - 1]);
  return true;
}

/// Element x of a block's key or value i, and its neighbours.
template <class T>
CREST_INLINE Vec key_at(const Block<T, 1>& block, int i, Index x, Index n) {
  const Vec part = load_at(block.k[i], x, n);
  if constexpr (is_scaled<T>) return part * broadcast(block.k_scale[i]);
  return part;
}
template <class T>
CREST_INLINE Vec value_at(const Block<T, 1>& block, int i, Index x, Index n) {
  const Vec part = load_at(block.v[i], x, n);
  if constexpr (is_scaled<T>) return part * broadcast(block.v_scale[i]);
  return part;
}

/// Whether all is finite whose products with zero were added up.
CREST_INLINE bool all_finite(Vec traces) { return !any_not_less(traces, broadcast(1.0f)); }

/// A tile of packed keys.
template <class T>
struct KeyTile : TileKeys<PrefillShape::tile_keys> {
  static constexpr Index panel = multiply_vectors * Vec::width;
  float* k;         ///< [keys / panel][head_dim][panel]
  float* v;         ///< [value_dim / panel][keys][panel]; a last odd vector alone
  Index value_dim;  ///< padded to whole vectors

  KeyTile(float* to_k, float* to_v, Index dim) : k(to_k), v(to_v), value_dim(dim) {}

  /// Columns of v in panels; one vector may be left.
  CREST_INLINE Index paired() const { return value_dim / panel * panel; }
  CREST_INLINE float* value(Index j, Index x) const {
    return v + x / panel * panel * keys + (x < paired() ? j * panel + x % panel : j * Vec::width);
  }
};

/// Packs the keys of a block from place `at` of a tile on: a vector's width of rows at a time become columns.
template <class T>
CREST_INLINE void pack_keys(const Block<T, 1>& block, Index at, Index head_dim, const KeyTile<T>& tile) {
  constexpr Index W = Vec::width, panel = KeyTile<T>::panel;
  for (int i = 0; i < block.keys; i += W) {
    float* to = tile.k + (at + i) / panel * head_dim * panel + (at + i) % panel;
    for (Index x = 0; x < head_dim; x += W) {
      Vec rows[W];
      CREST_UNROLL for (int r = 0; r < W; ++r) rows[r] = key_at(block, i + r, x, head_dim - x);
      transpose(rows);
      if (head_dim - x >= W)
        CREST_UNROLL for (int r = 0; r < W; ++r) store(to + (x + r) * panel, rows[r]);
      else
        for (Index r = 0; r < head_dim - x; ++r) store(to + (x + r) * panel, rows[r]);
    }
  }
}

/// Packs the values of a block. Returns the sums of their products with zero.
template <class T>
CREST_INLINE Vec pack_values(const Block<T, 1>& block, Index at, Index value_dim, const KeyTile<T>& tile) {
  Vec traces = zero();
  for (int i = 0; i < block.keys; ++i)
    for (Index x = 0; x < value_dim; x += Vec::width) {
      const Vec value = value_at(block, i, x, value_dim - x);
      traces = fma(value, zero(), traces);
      store(tile.value(at + i, x), value);
    }
  return traces;
}

/// Outputs of some rows: row r at o + r * pitch.
struct OutputRows {
  float* o;
  Index pitch, count;
};

/// The buffers of rows that are multiplied in floats, and what is done with them.
template <class T>
struct FloatProducts {
  using Shape = PrefillShape;
  static constexpr Index block_rows = multiply_rows, keys = PrefillShape::tile_keys;
  static constexpr Index pitch = keys, few_keys = keys;
  KeyTile<T> tile;
  float factor;    ///< what makes a product of q and k a score
  float* queries;  ///< [rows / multiply_rows][head_dim][multiply_rows]
  float* w;        ///< [multiply_rows][keys]: scores of a block of rows, then weights
  Index head_dim, value_dim;

  FloatProducts(float* floats, const PrefillShape& shape, float score_factor)
      : tile(floats + shape.keys(), floats + shape.values(), round_up(shape.row.value_dim, Vec::width)),
        factor(score_factor),
        queries(floats + shape.queries()),
        w(floats + shape.scores()),
        head_dim(shape.row.head_dim),
        value_dim(shape.row.value_dim) {}

  void clear_queries(Index rows) { std::fill_n(queries, round_up(rows, multiply_rows) * head_dim, 0.0f); }
  CREST_INLINE float query_factor() const { return factor; }
  CREST_INLINE AsTheyAre weigher(Index, bool) const { return {}; }
  /// at(x): elements from x on.
  template <class F>
  void pack_query(Index i, F&& at) {
    float* to = queries + i / multiply_rows * multiply_rows * head_dim + i % multiply_rows;
    for (Index first = 0; first < head_dim; first += Vec::width) {
      float part[Vec::width];
      store(part, at(first));
      const Index n = std::min<Index>(Vec::width, head_dim - first);
      for (Index x = 0; x < n; ++x) to[(first + x) * multiply_rows] = part[x];
    }
  }
  /// A packed query: element x at [x * multiply_rows].
  CREST_INLINE const float* packed_query(Index i) const {
    return queries + i / multiply_rows * multiply_rows * head_dim + i % multiply_rows;
  }
  /// The packed queries of a block of rows.
  CREST_INLINE const float* block(Index first_row) const { return queries + first_row * head_dim; }

  /// Packs the next keys of a stream, and their values if wanted.
  template <bool Values = true, class Stream>
  bool pack(Stream& stream) {
    Vec traces = zero();
    const bool any = take_tile<T>(stream, tile, [&](const Block<T, 1>& some, Index at) {
      pack_keys(some, at, head_dim, tile);
      if constexpr (Values) traces = traces + pack_values(some, at, value_dim, tile);
    });
    tile.finite = all_finite(traces);
    return any;
  }

  /// Scores of a block of packed queries for the first `most` keys of the tile.
  void score(const float* block, Index most, float* w) const {
    constexpr Index panel = KeyTile<T>::panel;
    for (Index at = 0; at < most; at += panel) {
      Vec sum[multiply_rows * multiply_vectors];
      clear(sum);
      multiply<multiply_vectors>(Multiplicand<1, multiply_rows>{block}, tile.k + at * head_dim, head_dim, sum);
      CREST_UNROLL for (int i = 0; i < multiply_rows * multiply_vectors; ++i)
          store(w + i / multiply_vectors * keys + at + i % multiply_vectors * Vec::width, sum[i]);
    }
  }

  /// Adds the values of some keys of the tile, vectors from x on, by the weights of a block.
  template <int NV>
  CREST_INLINE void add_values(const float* w, KeyRange some, const OutputRows& to, Index x) const {
    constexpr Index W = Vec::width;
    Vec sum[multiply_rows * NV];
    clear(sum);
    multiply<NV>(Multiplicand<keys, 1>{w + some.first}, tile.v + x * keys + some.first * NV * W, length(some), sum);
    float* o = to.o + x;
    CREST_UNROLL for (int r = 0; r < multiply_rows; ++r, o += to.pitch) if (r < to.count)
        CREST_UNROLL for (int n = 0; n < NV; ++n) store(o + n * W, load(o + n * W) + sum[r * NV + n]);
  }
  void add_values(const float* w, KeyRange some, const OutputRows& to) const {
    const Index paired = tile.paired();
    for (Index x = 0; x < paired; x += tile.panel) add_values<multiply_vectors>(w, some, to, x);
    if (paired < tile.value_dim) add_values<1>(w, some, to, paired);
  }
  /// The values of one row's keys, key by key: one that others see and this row does not must not touch it.
  void add_own_values(float* o, const float* weights, const KeyBits<keys>& seen) const {
    seen.each([&](int j) {
      for (Index x = 0; x < tile.value_dim; x += Vec::width)
        store(o + x, fma(broadcast(weights[j]), load(tile.value(j, x)), load(o + x)));
    });
  }
};
