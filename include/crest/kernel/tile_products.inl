// Products of many rows with a tile of keys, of bf16 with sums in floats, by tile registers.
//
// q and k are split into two bf16 each where one does not hold them: three products then give a score 16 bits of
// mantissa, and rounding it hardly costs anything beside rounding a weight. Weights and values are rounded to one.
// Operands lie as instructions load them: a left one by rows, a right one as [columns / 16][places / 32] registers of
// [16][16][2], whose pairs are neighbours along the sum.

/// The right operand of a product.
struct RightTiles {
  bf16* data;
  Index steps;  ///< registers of a column

  static constexpr Index columns = 16, pairs = MixedShape::step / 2;
  CREST_INLINE bf16* tile(Index column, Index step) const {
    return data + (column / columns * steps + step) * pairs * 2 * columns;
  }
  /// The pair of a column.
  CREST_INLINE bf16* pair(Index column, Index at) const {
    return tile(column, at / pairs) + at % pairs * 2 * columns + column % columns * 2;
  }
};

/// Pairs of bf16 as floats of the same bits.
CREST_INLINE Vec load_pairs(const bf16* p) { return load(reinterpret_cast<const float*>(p)); }
CREST_INLINE void store_loaded(bf16* p, Vec a) { store(reinterpret_cast<float*>(p), a); }

/// sum += a b over some steps, in registers 0..3: two rows of registers by NB columns. a: at its first place and row.
template <int NB, class Tiles>
CREST_INLINE void multiply_tiles(Tiles& t, const bf16* a, Index a_pitch, const RightTiles& b, Index column,
                                 KeyRange steps) {
  const Index pitch = a_pitch * Index{sizeof(bf16)};
  for (Index s = steps.first; s < steps.last; ++s, a += MixedShape::step) {
    t.template load<4>(a, pitch);
    t.template load<5>(a + Tiles::rows * a_pitch, pitch);
    t.template load<6>(b.tile(column, s), Tiles::row_bytes);
    t.template multiply<0, 4, 6>();
    t.template multiply<2, 5, 6>();
    if constexpr (NB > 1) {
      t.template load<7>(b.tile(column + b.columns, s), Tiles::row_bytes);
      t.template multiply<1, 4, 7>();
      t.template multiply<3, 5, 7>();
    }
  }
}

/// Calls f(register, place) for the registers of sums of a block whose rows lie `pitch` floats apart.
template <int NB, class F>
CREST_INLINE void each_sum(float* c, Index pitch, F&& f) {
  f(std::integral_constant<int, 0>{}, c);
  f(std::integral_constant<int, 2>{}, c + 16 * pitch);
  if constexpr (NB > 1) {
    f(std::integral_constant<int, 1>{}, c + 16);
    f(std::integral_constant<int, 3>{}, c + 16 * pitch + 16);
  }
}

/// Rounds n floats, read by at(x), to bf16 and their remainders likewise, `pitch` behind; zeros up to the pitch.
template <class F>
CREST_INLINE void split_row(bf16* to, Index n, Index pitch, F&& at) {
  static constexpr bf16 none[Vec::width] = {};
  Index x = 0;
  for (; x < n; x += Vec::width) {
    const Vec whole = at(x);
    store(to + x, whole);
    store(to + pitch + x, whole - load(to + x));
  }
  for (; x < pitch; x += Vec::width) store(to + x, load(none)), store(to + pitch + x, load(none));
}

/// Turns rows of n bf16 into columns of a right operand. Pairs are moved as floats, bit by bit.
CREST_INLINE void transpose_pairs(const bf16* rows, Index pitch, KeyRange columns, Index n, const RightTiles& to) {
  constexpr Index W = Vec::width;
  for (Index i = columns.first; i < columns.last; i += W, rows += W * pitch)
    for (Index pair = 0; pair < n / 2; pair += W) {
      Vec a[W];
      CREST_UNROLL for (int r = 0; r < W; ++r) a[r] = load_pairs(rows + r * pitch + 2 * pair);
      transpose(a);
      bf16* const at = to.pair(i, pair);
      CREST_UNROLL for (int r = 0; r < W; ++r) store_loaded(at + r * 2 * to.columns, a[r]);
    }
}

/// The buffers of rows that are multiplied by tile registers, and what is done with them.
template <class T, class Tiles>
struct TileProducts {
  using Shape = MixedShape;
  static constexpr Index block_rows = Shape::block_rows, keys = TileKeys::keys, step = Shape::step;
  static constexpr Index key_parts = std::is_same_v<T, bf16> ? 1 : Shape::parts;
  Tiles& tiles;
  TileKeys tile;
  bf16 *queries, *staged, *rounded;  ///< [rows][parts][dim]; keys on their way into a tile; [block_rows][keys] weights
  RightTiles k, v;                   ///< places of a sum: those of all parts; keys
  float* w;                          ///< [block_rows][keys]: scores of a block of rows, then weights
  Index head_dim, value_dim, dim, o_pitch;
  alignas(64) float lengths[keys];  ///< |v|^2

  TileProducts(float* floats, const MixedShape& shape, Tiles& t)
      : tiles(t),
        queries(reinterpret_cast<bf16*>(floats + shape.queries())),
        staged(reinterpret_cast<bf16*>(floats + shape.staged())),
        rounded(reinterpret_cast<bf16*>(floats + shape.weights())),
        k{reinterpret_cast<bf16*>(floats + shape.keys()), key_parts * shape.dim() / step},
        v{reinterpret_cast<bf16*>(floats + shape.values()), keys / step},
        w(floats + shape.scores()),
        head_dim(shape.row.head_dim),
        value_dim(shape.row.value_dim),
        dim(shape.dim()),
        o_pitch(shape.row.o_pitch()) {}

  CREST_INLINE Index query_pitch() const { return Shape::parts * dim; }
  CREST_INLINE const bf16* block(Index first_row) const { return queries + first_row * query_pitch(); }
  void clear_queries(Index rows) { std::fill_n(queries, round_up(rows, block_rows) * query_pitch(), bf16{}); }
  void pack_query(Index i, const float* q) {
    split_row(queries + i * query_pitch(), head_dim, dim, [&](Index x) { return load_first(q + x, head_dim - x); });
  }

  /// A key, split; one of bf16 as it lies.
  void stage_key(const Block<T, 1>& block, int i) const {
    bf16* const to = staged + i * query_pitch();
    if constexpr (key_parts > 1) {
      split_row(to, head_dim, dim, [&](Index x) { return key_at(block, i, x, head_dim - x); });
    } else {
      std::memcpy(to, block.k[i], static_cast<std::size_t>(head_dim) * sizeof(bf16));
      std::fill(to + head_dim, to + dim, bf16{});
    }
  }
  void pack_keys(const Block<T, 1>& block, Index at) {
    for (int i = 0; i < block.keys; ++i) stage_key(block, i);
    transpose_pairs(staged, query_pitch(), {at, at + block.keys}, key_parts * dim, k);
  }
  /// Two values by turns. Adds up their squares.
  void pack_two_values(const Block<T, 1>& block, int i, Index at, Vec& first, Vec& second) {
    first = second = zero();
    for (Index x = 0; x < value_dim; x += Vec::width) {
      const Vec a = value_at(block, i, x, value_dim - x), b = value_at(block, i + 1, x, value_dim - x);
      store_pairs(v.pair(x, (at + i) / 2), a, b);
      first = fma(a, a, first), second = fma(b, b, second);
    }
    for (Index x = round_up(value_dim, Vec::width); x < o_pitch; x += Vec::width)
      store_pairs(v.pair(x, (at + i) / 2), zero(), zero());
  }
  void pack_values(const Block<T, 1>& block, Index at) {
    constexpr int W = Vec::width;
    Vec squares[block.keys];
    for (int i = 0; i < block.keys; i += 2) pack_two_values(block, i, at, squares[i], squares[i + 1]);
    for (int i = 0; i < block.keys; i += W) store(lengths + at + i, sums(squares + i));
  }
  /// Zeros for the values of places from `first` on, which no key holds.
  void clear_values(Index first) {
    std::fill(lengths + first, lengths + keys, 0.0f);
    for (Index pair = first / 2; pair < keys / 2; ++pair)
      for (Index x = 0; x < o_pitch; x += v.columns) std::fill_n(v.pair(x, pair), 2 * v.columns, bf16{});
  }

  /// Packs the next keys of a stream.
  template <class Stream>
  bool pack(Stream& stream) {
    const bool any = take_tile<T>(stream, tile, [&](const Block<T, 1>& some, Index at) {
      pack_keys(some, at);
      pack_values(some, at);
    });
    clear_values(round_up(tile.count, block_keys<1, T>));
    return any;
  }

  /// Scores of a block of packed queries for the first `most` keys of the tile.
  void score(const bf16* block, Index most) const {
    const Index part = dim / step;
    tiles.begin();
    for (Index at = 0; at < most; at += 2 * k.columns) {
      each_sum<2>(w + at, keys, [&](auto r, float*) { tiles.template clear<r>(); });
      multiply_tiles<2>(tiles, block, query_pitch(), k, at, {0, part});
      multiply_tiles<2>(tiles, block + dim, query_pitch(), k, at, {0, part});
      if constexpr (key_parts > 1) multiply_tiles<2>(tiles, block, query_pitch(), k, at, {part, 2 * part});
      each_sum<2>(w + at, keys, [&](auto r, float* c) { tiles.template store<r>(c, keys * Index{sizeof(float)}); });
    }
  }

  /// Adds the values of some keys of the tile by the rounded weights of the block, columns from x on.
  template <int NB>
  CREST_INLINE void add_values(KeyRange steps, const OutputRows& to, Index x) const {
    const Index pitch = to.pitch * Index{sizeof(float)};
    each_sum<NB>(to.o + x, to.pitch, [&](auto r, float* c) { tiles.template load<r>(c, pitch); });
    multiply_tiles<NB>(tiles, rounded + steps.first * step, keys, v, x, steps);
    each_sum<NB>(to.o + x, to.pitch, [&](auto r, float* c) { tiles.template store<r>(c, pitch); });
  }
  void add_values(KeyRange some, const OutputRows& to) const {
    const KeyRange steps{some.first / step, divide_up(some.last, step)};
    Index x = 0;
    tiles.begin();
    for (; x + 2 * v.columns <= o_pitch; x += 2 * v.columns) add_values<2>(steps, to, x);
    if (x < o_pitch) add_values<1>(steps, to, x);
  }
  /// Rows that meet what is not finite are done again in floats.
  void add_own_values(float*, const float*, std::uint64_t) const {}
};
