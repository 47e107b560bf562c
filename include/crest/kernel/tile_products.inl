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
  /// The columns from one on that a register begins with.
  CREST_INLINE RightTiles from(Index column) const { return {tile(column, 0), steps}; }
  /// The pair of a column: number `at` of the sum.
  CREST_INLINE bf16* pair(Index column, Index at) const {
    return tile(column, at / pairs) + at % pairs * 2 * columns + column % columns * 2;
  }
};

/// Pairs of bf16 as floats of the same bits.
CREST_INLINE Vec load_pairs(const bf16* p) { return load(reinterpret_cast<const float*>(p)); }
CREST_INLINE void store_loaded(bf16* p, Vec a) { store(reinterpret_cast<float*>(p), a); }

/// The left operand of a product, in rows of `pitch` bf16.
struct LeftRows {
  const bf16* data;
  Index pitch;
};

// Two rows of registers by NB columns: sums in 0..3, a step of the left operand in 4 and 5, of the right one in 6
// and 7. Sums of some columns are stored one by one while the next begin: four stores in a row are waited for.

/// Adds products of a step to the sums. begin(register) precedes the product of each.
template <int NB, class Tiles, class F>
CREST_INLINE void multiply_step(Tiles& t, const LeftRows& a, const RightTiles& b, Index s, F&& begin) {
  const Index row_bytes = a.pitch * Index{sizeof(bf16)};
  t.template load<6>(b.tile(0, s), Tiles::row_bytes);
  t.template load<4>(a.data, row_bytes);
  begin(std::integral_constant<int, 0>{});
  t.template multiply<0, 4, 6>();
  t.template load<5>(a.data + Tiles::rows * a.pitch, row_bytes);
  begin(std::integral_constant<int, 2>{});
  t.template multiply<2, 5, 6>();
  if constexpr (NB > 1) {
    t.template load<7>(b.tile(b.columns, s), Tiles::row_bytes);
    begin(std::integral_constant<int, 1>{});
    t.template multiply<1, 4, 7>();
    begin(std::integral_constant<int, 3>{});
    t.template multiply<3, 5, 7>();
  }
}
/// Adds products of some steps of the right operand's first columns; the left one begins at the first of them.
/// begin(register) precedes the first product of each sum.
template <int NB, class Tiles, class F>
CREST_INLINE void multiply_steps(Tiles& t, LeftRows a, const RightTiles& b, KeyRange steps, F&& begin) {
  multiply_step<NB>(t, a, b, steps.first, begin);
  for (Index s = steps.first + 1; s < steps.last; ++s) {
    a.data += MixedShape::step;
    multiply_step<NB>(t, a, b, s, [](auto) {});
  }
}

/// Where the sums of some columns lie in memory: from c on, in rows of `pitch` floats.
struct SumRows {
  float* c;
  Index pitch;

  template <int R, class Tiles>
  CREST_INLINE void load(Tiles& t) const {
    t.template load<R>(place<R>(), pitch * Index{sizeof(float)});
  }
  template <int R, class Tiles>
  CREST_INLINE void store(const Tiles& t) const {
    t.template store<R>(place<R>(), pitch * Index{sizeof(float)});
  }
  template <class Tiles>
  CREST_INLINE void store_all(const Tiles& t) const {
    store<0>(t), store<1>(t), store<2>(t), store<3>(t);
  }

 private:
  template <int R>
  CREST_INLINE float* place() const {
    return c + R / 2 * 16 * pitch + R % 2 * 16;
  }
};

/// Rounds n floats, read by at(x), to bf16 and their remainders likewise, `pitch` behind; zeros up to the pitch.
/// Returns whether a remainder is not zero.
template <class F>
CREST_INLINE bool split_row(bf16* to, Index n, Index pitch, F&& at) {
  Vec most = zero();
  Index x = 0;
  for (; x < n; x += Vec::width) {
    const Vec whole = at(x), rounded = rounded_to_bf16(whole), rest = whole - rounded;
    most = max(rest, max(zero() - rest, most));
    store_whole(to + x, rounded);
    store_whole(to + pitch + x, rounded_to_bf16(rest));
  }
  for (; x < pitch; x += Vec::width) store_whole(to + x, zero()), store_whole(to + pitch + x, zero());
  return any_greater(most, zero());
}

/// From products of q and k to weights of 8 bits of mantissa, packed. Their sum is that of rounded weights, so that a
/// row of one heavy key loses nothing.
template <class Tiles>
struct InBf16 {
  float factor;          ///< > 0: what makes a product a score
  bf16* packed;          ///< weights of the row
  const float* lengths;  ///< |v|^2 of the keys
  Vec costs = zero();    ///< lanes of sum (w |v|)^2

  CREST_INLINE Vec score(Vec x) const { return x * broadcast(factor); }
  CREST_INLINE Vec above(Vec x, Vec reference) const { return fma(x, broadcast(factor), zero() - reference); }
  template <class Softmax>
  CREST_INLINE Vec weigh(Vec above) const {
    return exp2_in_brief(above);
  }
  CREST_INLINE void keep(float*, int i, const Vec* x, Vec& sum) {
    costs = fma(x[i] * x[i], load(lengths + i * Vec::width), costs);
    if (i % 2 == 1) Tiles::keep_two(packed + (i - 1) * Vec::width, x[i - 1], x[i], sum);
  }
};

/// Turns a vector's width of rows of n bf16, from places row(r) on, into columns of a right operand. Pairs are moved as
/// floats, bit by bit.
template <class F>
CREST_INLINE void transpose_pairs(F&& row, Index column, Index n, const RightTiles& to) {
  constexpr int W = Vec::width;
  for (Index pair = 0; pair < n / 2; pair += W) {
    Vec a[W];
    CREST_UNROLL for (int r = 0; r < W; ++r) a[r] = load_pairs(row(r) + 2 * pair);
    transpose(a);
    bf16* const at = to.pair(column, pair);
    CREST_UNROLL for (int r = 0; r < W; ++r) store_loaded(at + r * 2 * to.columns, a[r]);
  }
}

/// The buffers of rows that are multiplied by tile registers, and what is done with them.
template <class T, class Tiles>
struct TileProducts {
  using Shape = MixedShape;
  static constexpr Index block_rows = Shape::block_rows, keys = Shape::tile_keys, step = Shape::step;
  static constexpr Index pitch = Shape::score_pitch;
  static constexpr Index few_keys = keys / 2;  ///< blocks that see no key behind them weigh only these
  static_assert(few_keys % (2 * Vec::width) == 0, "weights are kept two vectors at a time");
  static constexpr Index key_parts = std::is_same_v<T, bf16> ? 1 : Shape::parts;
  Tiles& tiles;
  float factor;  ///< what makes a product of q and k a score
  bool guests;   ///< code of a user's runs between products, and may use tile registers
  TileKeys<Shape::tile_keys> tile;
  bf16 *queries, *staged, *rounded;  ///< [rows][parts][dim]; keys on their way into a tile; [block_rows][keys] weights
  RightTiles k, v;                   ///< places of a sum: those of all parts; keys
  float* w;                          ///< [block_rows][pitch]: scores of a block of rows
  Index head_dim, value_dim, dim, o_pitch;
  bool query_rests = false;         ///< bf16 does not hold the queries
  alignas(64) float lengths[keys];  ///< |v|^2

  TileProducts(float* floats, const MixedShape& shape, float score_factor, Tiles& t, bool has_guests)
      : tiles(t),
        factor(score_factor),
        guests(has_guests),
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
  void clear_queries(Index rows) {
    std::fill(queries + rows * query_pitch(), queries + round_up(rows, block_rows) * query_pitch(), bf16{});
    query_rests = false;
  }
  /// Queries are packed as they are or negated, so that bf16 holds those that came in bf16, unless products could leave
  /// the range of floats where scores do not.
  CREST_INLINE bool queries_as_they_are() const { return std::abs(factor) >= 0x1p-20f && std::abs(factor) <= 0x1p20f; }
  CREST_INLINE float query_factor() const { return queries_as_they_are() ? std::copysign(1.0f, factor) : factor; }
  /// For row i. scores: its products are scores already.
  CREST_INLINE InBf16<Tiles> weigher(Index i, bool scores) const {
    const float left = scores || !queries_as_they_are() ? 1 : std::abs(factor);
    return {left, rounded + i % block_rows * keys, lengths};
  }
  template <class U>
  void pack_query(Index i, const QueryRow<U>& q) {
    bf16* const to = queries + i * query_pitch();
    if constexpr (std::is_same_v<U, bf16>)
      if (q.factor == 1) {  // no row of the task has remainders: they are not written
        std::memcpy(to, q.row, static_cast<std::size_t>(head_dim) * sizeof(bf16));
        if (dim > head_dim) std::fill(to + head_dim, to + dim, bf16{});
        return;
      }
    query_rests |= split_row(to, head_dim, dim, q);
  }

  /// A key, split; one of bf16 as it lies.
  CREST_INLINE void stage_key(const Block<T, 1>& block, int i) const {
    bf16* const to = staged + i * query_pitch();
    if constexpr (key_parts > 1) {
      split_row(to, head_dim, dim, [&](Index x) { return key_at(block, i, x, head_dim - x); });
    } else {
      std::memcpy(to, block.k[i], static_cast<std::size_t>(head_dim) * sizeof(bf16));
      std::fill(to + head_dim, to + dim, bf16{});
    }
  }
  void pack_keys(const Block<T, 1>& block, Index at) {
    const bool as_they_lie = key_parts == 1 && head_dim == dim;
    if (!as_they_lie)
      for (int i = 0; i < block.keys; ++i) stage_key(block, i);
    for (int i = 0; i < block.keys; i += Vec::width) {
      const auto row = [&](int r) {
        if constexpr (key_parts == 1)
          if (as_they_lie) return block.k[i + r];
        return static_cast<const bf16*>(staged + (i + r) * query_pitch());
      };
      transpose_pairs(row, at + i, key_parts * dim, k);
    }
  }
  /// Element x of a block's value i, and its neighbours, in bf16.
  CREST_INLINE Vec value_in_bf16(const Block<T, 1>& block, int i, Index x) const {
    const Vec value = value_at(block, i, x, value_dim - x);
    return std::is_same_v<T, bf16> ? value : rounded_to_bf16(value);
  }
  /// Pair `pair` of a step, and the squares of what it holds.
  CREST_INLINE void pack_two_values(const Block<T, 1>* blocks, Index s, int pair, Vec* squares) const {
    constexpr int block_keys = Block<T, 1>::keys;
    const Block<T, 1>& block = blocks[2 * pair / block_keys];
    const int at = 2 * pair % block_keys;
    Vec first = zero(), second = zero();
    for (Index x = 0; x < o_pitch; x += Vec::width) {
      const bool any = x < value_dim;
      const Vec a = any ? value_in_bf16(block, at, x) : zero();
      const Vec b = any ? value_in_bf16(block, at + 1, x) : zero();
      store_pairs(v.pair(x, s * v.pairs + pair), a, b);
      first = fma(a, a, first), second = fma(b, b, second);
    }
    squares[2 * pair] = first, squares[2 * pair + 1] = second;
  }
  /// Values of all places of the tile.
  void pack_values(const Block<T, 1>* blocks) {
    Vec squares[step];
    for (Index s = 0; s < keys / step; ++s, blocks += step / blocks->keys) {
      for (int pair = 0; pair < step / 2; ++pair) pack_two_values(blocks, s, pair, squares);
      for (Index i = 0; i < step; i += Vec::width) store(lengths + s * step + i, sums(squares + i));
    }
  }

  /// Packs the next keys of a stream; values of places past the last key repeat those of others.
  template <class Stream>
  bool pack(Stream& stream) {
    constexpr int most = keys / Block<T, 1>::keys;
    Block<T, 1> blocks[most];
    int n = 0;
    const bool any = take_tile<T>(stream, tile, [&](const Block<T, 1>& some, Index at) {
      pack_keys(some, at);
      blocks[n++] = some;
    });
    if (!any) return false;
    std::fill(blocks + n, blocks + most, blocks[n - 1]);
    pack_values(blocks);
    return true;
  }

  /// Products of q and k, and of what rounding left of them, for two columns of registers.
  template <class F>
  CREST_INLINE void score_columns(const LeftRows& q, Index column, F&& begin) const {
    const Index steps = dim / step;
    const RightTiles right = k.from(column);
    const auto go_on = [](auto) {};
    if (query_rests) {
      multiply_steps<2>(tiles, LeftRows{q.data + dim, q.pitch}, right, {0, steps}, begin);
      multiply_steps<2>(tiles, q, right, {0, steps}, go_on);
    } else {
      multiply_steps<2>(tiles, q, right, {0, steps}, begin);
    }
    if constexpr (key_parts > 1) multiply_steps<2>(tiles, q, right, {steps, 2 * steps}, go_on);
  }
  /// Scores of a block of packed queries for the first `most` keys of the tile, w [block_rows][pitch].
  void score(const bf16* block, Index most, float* to) const {
    constexpr Index columns = 2 * RightTiles::columns;
    SumRows before{nullptr, pitch};
    if (guests) tiles.begin();
    Index column = 0;
    for (; column < most; column += columns) {
      score_columns({block, query_pitch()}, column, [&](auto r) {
        if (before.c) before.store<r>(tiles);
        tiles.template clear<r>();
      });
      before.c = to + column;
    }
    before.store_all(tiles);
    const Index known = std::min<Index>(column, tile.count);
    if (guests && known < keys)  // users' variants meet no scores of other blocks, nor of no key
      for (Index i = 0; i < block_rows; ++i) std::fill(to + i * pitch + known, to + i * pitch + keys, 0.0f);
  }

  /// Adds the values of some keys of the tile by the rounded weights of the block.
  void add_values(const float*, KeyRange some, const OutputRows& to) const {
    const KeyRange steps{some.first / step, divide_up(some.last, step)};
    const LeftRows weights{rounded + steps.first * step, keys};
    SumRows before{nullptr, to.pitch};
    if (guests) tiles.begin();
    Index x = 0;
    for (; x + 2 * v.columns <= o_pitch; x += 2 * v.columns) {
      const SumRows now{to.o + x, to.pitch};
      multiply_steps<2>(tiles, weights, v.from(x), steps, [&](auto r) {
        if (before.c) before.store<r>(tiles);
        now.load<r>(tiles);
      });
      before = now;
    }
    if (before.c) before.store_all(tiles);
    if (x == o_pitch) return;
    const SumRows last{to.o + x, to.pitch};
    multiply_steps<1>(tiles, weights, v.from(x), steps, [&](auto r) { last.load<r>(tiles); });
    last.store<0>(tiles), last.store<2>(tiles);
  }
  /// Rows that meet what is not finite are done again in floats.
  void add_own_values(float*, const float*, const KeyBits<keys>&) const {}
};
