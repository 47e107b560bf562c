// Many rows (query heads x queries) over the same keys: tile by tile, with register-blocked products.
//
// A tile of 64 keys is packed once for up to 96 rows: K transposed, so that keys are lanes, V as it lies, both as floats.
// Per tile and row: 64 * head_dim multiply-adds for scores, a weight each, and 64 * value_dim for values; packing costs
// about 64 * 4 shuffles and conversions per vector of either. A row is a Group of one head: whatever does not fit a tile
// is done by attend(), row by row.

/// A tile of packed keys.
template <class T>
struct KeyTile {
  static constexpr Index keys = PrefillShape::tile_keys, panel = multiply_vectors * Vec::width;
  float* k;  ///< [keys / panel][head_dim][panel]
  float* v;  ///< [value_dim / panel][keys][panel]; a last odd vector alone
  Index key[keys];
  int count = 0;
  bool finite = true;  ///< the values are

  CREST_INLINE KeyRange range() const { return {key[0], key[count - 1] + 1}; }
};

/// Packs the keys of a block from place `at` of a tile on: W rows at a time become columns.
template <class T>
CREST_INLINE void pack_keys(const Block<T, 1>& block, Index at, Index head_dim, const KeyTile<T>& tile) {
  constexpr Index W = Vec::width, panel = KeyTile<T>::panel;
  for (int i = 0; i < block.keys; i += W) {
    float* to = tile.k + (at + i) / panel * head_dim * panel + (at + i) % panel;
    for (Index x = 0; x < head_dim; x += W) {
      Vec rows[W];
      CREST_UNROLL for (int r = 0; r < W; ++r) {
        rows[r] = load_at(block.k[i + r], x, head_dim - x);
        if constexpr (is_scaled<T>) rows[r] = rows[r] * broadcast(block.k_scale[i + r]);
      }
      transpose(rows);
      if (head_dim - x >= W)
        CREST_UNROLL for (int r = 0; r < W; ++r) store(to + (x + r) * panel, rows[r]);
      else
        for (Index r = 0; r < head_dim - x; ++r) store(to + (x + r) * panel, rows[r]);
    }
  }
}

/// Packs the values of a block. Returns zeros where they are finite, else NaN.
template <class T>
CREST_INLINE Vec pack_values(const Block<T, 1>& block, Index at, Index value_dim, const KeyTile<T>& tile) {
  constexpr Index W = Vec::width, panel = KeyTile<T>::panel, keys = KeyTile<T>::keys;
  const Index paired = divide_up(value_dim, W) / multiply_vectors * panel;
  Vec infinite = zero();
  for (int i = 0; i < block.keys; ++i)
    for (Index x = 0; x < value_dim; x += W) {
      Vec value = load_at(block.v[i], x, value_dim - x);
      if constexpr (is_scaled<T>) value = value * broadcast(block.v_scale[i]);
      infinite = fma(value, zero(), infinite);
      const Index in_panel = x < paired ? (at + i) * panel + x % panel : (at + i) * W;
      store(tile.v + x / panel * keys * panel + in_panel, value);
    }
  return infinite;
}

/// Packs the next keys of a stream. Places past the last key repeat it.
template <class T>
bool pack_tile(RangeBlocks<T, 1>& stream, const KvRows<T>& rows, KeyTile<T>& tile) {
  constexpr int keys = block_keys<1, T>;
  Block<T, 1> block;
  Vec infinite = zero();
  tile.count = 0;
  for (Index at = 0; at < tile.keys && stream.next(block); at += keys) {
    pack_keys(block, at, rows.head_dim, tile);
    infinite = infinite + pack_values(block, at, rows.value_dim, tile);
    std::copy_n(block.key, keys, tile.key + at);
    tile.count += block.count;
  }
  if (tile.count == 0) return false;
  std::fill(tile.key + tile.count, tile.key + tile.keys, tile.key[tile.count - 1]);
  tile.finite = !any_not_less(infinite, broadcast(1.0f));
  return true;
}

/// One bit for each key of a tile that lies in some ranges.
template <class T>
std::uint64_t seen_bits(const KeyTile<T>& tile, std::span<const KeyRange> ranges) {
  const std::uint64_t all = ~std::uint64_t{0} >> (tile.keys - tile.count);
  const KeyRange range = tile.range();
  const std::span<const KeyRange> some = reaching_into(ranges, range);
  if (some.size() == 1 && some[0].first <= range.first && some[0].last >= range.last) return all;
  std::uint64_t bits = 0;
  std::size_t at = 0;
  for (int i = 0; i < tile.count; ++i) {
    while (at < some.size() && some[at].last <= tile.key[i]) ++at;
    if (at < some.size() && some[at].first <= tile.key[i]) bits |= std::uint64_t{1} << i;
  }
  return bits;
}

/// The rows of a prefill task in a thread's workspace.
template <class T, class R>
struct Prefill {
  static constexpr Index keys = PrefillShape::tile_keys;
  const TaskCall<T>& c;
  const R& recipe;
  PrefillShape shape;
  KvRows<T> rows;
  KeyTile<T> tile;
  float* queries;  ///< [rows / multiply_rows][head_dim][multiply_rows]
  float* w;        ///< [multiply_rows][keys]: scores of a block of rows, then weights
  Unit* units;     ///< [rows]
  Index count = 0;

  Prefill(const TaskCall<T>& call, const R& r)
      : c(call),
        recipe(r),
        shape{c.plan},
        rows(kv_rows(c.p, c.task.kv_head)),
        tile{c.floats() + shape.keys(), c.floats() + shape.values(), {}},
        queries(c.floats() + shape.queries()),
        w(c.floats() + shape.scores()),
        units(reinterpret_cast<Unit*>(c.floats() + shape.units())) {
    c.plan.each_unit(c.task.kv_head, c.task.queries, [&](const Unit& u) { units[count++] = u; });
  }

  CREST_INLINE Group<1> row(Index i) const {
    return {units[i].shape, c.floats() + i * c.plan.bands.largest().floats()};
  }

  /// Packs the queries, rows side by side; those past the last are zeros.
  void pack_queries() const {
    const Index head_dim = rows.head_dim;
    std::fill_n(queries, round_up(count, multiply_rows) * head_dim, 0.0f);
    for (Index i = 0; i < count; ++i) {
      float* to = queries + i / multiply_rows * multiply_rows * head_dim + i % multiply_rows;
      for (Index x = 0; x < head_dim; ++x) to[x * multiply_rows] = row(i).q[x];
    }
  }

  /// Scores of the rows from `first` on for the first `most` keys of the tile.
  void score(Index first, Index most) const {
    constexpr Index panel = KeyTile<T>::panel;
    const Multiplicand<1, multiply_rows> q{queries + first * rows.head_dim};
    for (Index at = 0; at < most; at += panel) {
      Vec sum[multiply_rows * multiply_vectors];
      clear(sum);
      multiply<multiply_vectors>(q, tile.k + at * rows.head_dim, rows.head_dim, sum);
      CREST_UNROLL for (int i = 0; i < multiply_rows * multiply_vectors; ++i)
          store(w + i / multiply_vectors * keys + at + i % multiply_vectors * Vec::width, sum[i]);
    }
  }

  /// Turns a row's scores into weights; keys that it does not see get none. Returns how often its reference moved.
  template <class Softmax>
  Index weigh(Index i, float* scores, std::uint64_t seen, const Softmax& softmax) const {
    const Group<1> g = row(i);
    if (!c.p.logits.unchanged() || any_variant(recipe).variant)
      logits_of(c, recipe, units[i]).template apply<keys, 1>(tile.key, 0, scores);
    if (seen != ~std::uint64_t{0})
      for (Index j = 0; j < keys; ++j)
        if (!(seen >> j & 1)) scores[j] = -std::numeric_limits<float>::infinity();
    const Accumulated<1> old{g.o, g.run, g.tile_outputs()};
    const Index moved = weigh_block<keys>(scores, keys, g.tile_state(0), softmax, old);
    g.tile_state(0).fold();
    return moved;
  }

  /// Adds the values of some keys of the tile, vectors from x on, to some rows.
  template <int NV>
  CREST_INLINE void add_values(KeyRange some, KeyRange to, Index x) const {
    constexpr Index W = Vec::width;
    const Multiplicand<keys, 1> weights{w + some.first};
    Vec sum[multiply_rows * NV];
    clear(sum);
    multiply<NV>(weights, tile.v + x * keys + some.first * NV * W, length(some), sum);
    float* o = row(to.first).o + x;
    const Index pitch = c.plan.bands.largest().floats();
    CREST_UNROLL for (int r = 0; r < multiply_rows; ++r) {
      if (to.first + r < to.last)
        CREST_UNROLL for (int n = 0; n < NV; ++n) store(o + n * W, load(o + n * W) + sum[r * NV + n]);
      o += pitch;
    }
  }
  void add_values(KeyRange some, KeyRange to) const {
    constexpr Index W = Vec::width, panel = KeyTile<T>::panel;
    const Index paired = divide_up(rows.value_dim, W) / multiply_vectors * panel;
    for (Index x = 0; x < paired; x += panel) add_values<multiply_vectors>(some, to, x);
    if (paired < rows.value_dim) add_values<1>(some, to, paired);
  }

  /// A tile for one row, without packing: where what others see must not touch it.
  template <class Softmax>
  Index attend_row(Index i, const Softmax& softmax) const {
    const Visible visible(c.p, units[i].query);
    const Logits logits = logits_of(c, recipe, units[i]);
    return with_stream<1>(rows, visible.ranges(), tile.range(), [&](const auto& stream) {
      return attend<T>(row(i), stream, RowScores<1>{row(i), logits}, softmax);
    });
  }

  /// The tile for a block of rows. Returns how often a reference moved.
  template <class Softmax>
  Index attend_block(KeyRange some, const Softmax& softmax) const {
    std::uint64_t seen[multiply_rows], any = 0, all = ~std::uint64_t{0};
    for (Index i = some.first; i < some.last; ++i) {
      const bool same = i > some.first && units[i].query == units[i - 1].query;
      std::uint64_t& bits = seen[i - some.first];
      bits = same ? seen[i - some.first - 1] : seen_bits(tile, Visible(c.p, units[i].query).ranges());
      any |= bits, all &= bits;
    }
    if (any == 0) return 0;
    Index moved = 0;
    if (any != all && !tile.finite) {
      for (Index i = some.first; i < some.last; ++i) moved += attend_row(i, softmax);
      return moved;
    }
    const KeyRange used{std::countr_zero(any), keys - std::countl_zero(any)};
    score(some.first, used.last);
    for (Index i = some.first; i < some.last; ++i)
      moved += weigh(i, w + (i - some.first) * keys, seen[i - some.first], softmax);
    add_values(used, some);
    return moved;
  }

  /// All keys of the task.
  template <class Softmax>
  Index attend_all(const Softmax& softmax) {
    Index moved = 0;
    for_each_seen(c.p, c.task.queries, c.task.keys, [&](std::span<const KeyRange> some) {
      RangeBlocks<T, 1> stream(rows, some, c.task.keys);
      while (pack_tile(stream, rows, tile))
        for (Index at = 0; at < count; at += multiply_rows)
          moved += attend_block({at, std::min(at + multiply_rows, count)}, softmax);
    });
    return moved;
  }
};

/// Rows of one head each, tile by tile.
template <class T, class R>
void prefill_task(const TaskCall<T>& c, const R& recipe) {
  Prefill<T, R> rows(c, recipe);
  for (Index i = 0; i < rows.count; ++i) {
    start(rows.row(i), c.p, rows.units[i].first_head, rows.units[i].query);
    if (c.task.split == 0) add_sinks(rows.row(i), c.p, rows.units[i].first_head, recipe.softmax);
  }
  rows.pack_queries();
  c.tally.rescales += rows.attend_all(recipe.softmax);
  for (Index i = 0; i < rows.count; ++i) finish_unit<R>(c, rows.row(i), rows.units[i]);
  count_scan<R>(c, LoadedValues(0));
}
