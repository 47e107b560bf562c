// Many rows (query heads x queries) over the same keys: tile by tile, with register-blocked products.
//
// A tile of 64 keys is packed once for up to 192 rows: K transposed, so that keys are lanes, V as it lies, both as
// floats. Per tile and row: 64 * head_dim multiply-adds for scores, 64 weights, and 64 * value_dim multiply-adds for
// values. Packing costs about as much as six rows. A row is a Group of one head.

/// A tile of packed keys.
template <class T>
struct KeyTile {
  static constexpr Index keys = PrefillShape::tile_keys, panel = multiply_vectors * Vec::width;
  float* k;         ///< [keys / panel][head_dim][panel]
  float* v;         ///< [value_dim / panel][keys][panel]; a last odd vector alone
  Index value_dim;  ///< padded to whole vectors
  Index key[keys]{};
  int count = 0;
  bool finite = true;  ///< the values are

  CREST_INLINE KeyRange range() const { return {key[0], key[count - 1] + 1}; }
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

/// Whether all is finite whose products with zero were added up.
CREST_INLINE bool all_finite(Vec traces) { return !any_not_less(traces, broadcast(1.0f)); }

/// Packs the values of a block. Returns the sums of their products with zero.
template <class T>
CREST_INLINE Vec pack_values(const Block<T, 1>& block, Index at, Index value_dim, const KeyTile<T>& tile) {
  Vec traces = zero();
  for (int i = 0; i < block.keys; ++i)
    for (Index x = 0; x < value_dim; x += Vec::width) {
      Vec value = load_at(block.v[i], x, value_dim - x);
      if constexpr (is_scaled<T>) value = value * broadcast(block.v_scale[i]);
      traces = fma(value, zero(), traces);
      store(tile.value(at + i, x), value);
    }
  return traces;
}

/// Packs the next keys of a stream, and their values if wanted. Places past the last key repeat it.
template <bool Values, class T, class Stream>
bool pack_tile(Stream& stream, const KvRows<T>& rows, KeyTile<T>& tile) {
  constexpr int keys = block_keys<1, T>;
  Block<T, 1> block;
  Vec traces = zero();
  tile.count = 0;
  for (Index at = 0; at < tile.keys && stream.next(block); at += keys) {
    pack_keys(block, at, rows.head_dim, tile);
    if constexpr (Values) traces = traces + pack_values(block, at, rows.value_dim, tile);
    std::copy_n(block.key, keys, tile.key + at);
    tile.count += block.count;
  }
  if (tile.count == 0) return false;
  std::fill(tile.key + tile.count, tile.key + tile.keys, tile.key[tile.count - 1]);
  tile.finite = all_finite(traces);
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

/// Every key counts once: tiles need nothing else.
struct EachOnce {
  template <class T>
  CREST_INLINE void begin(const KeyTile<T>&) const {}
  CREST_INLINE void weigh_up(float*) const {}
  CREST_INLINE void note(Index, const float*, float) const {}
};

/// Rows that are attended together, in a thread's workspace.
template <class T, class R>
struct Prefill {
  static constexpr Index keys = PrefillShape::tile_keys;
  const TaskCall<T>& c;
  const R& recipe;
  Index row_floats;
  bool changes;  ///< logits are not what products of q and k are
  KvRows<T> rows;
  KeyTile<T> tile;
  float* queries;  ///< [rows / multiply_rows][head_dim][multiply_rows]
  float* w;        ///< [multiply_rows][keys]: scores of a block of rows, then weights
  Unit* units;     ///< [rows]
  Index count = 0;

  Prefill(const TaskCall<T>& call, const R& r, const PrefillShape& shape)
      : c(call),
        recipe(r),
        row_floats(shape.row.floats()),
        changes(!call.p.logits.unchanged() || any_variant(r).variant),
        rows(kv_rows(c.p, c.task.kv_head)),
        tile{c.floats() + shape.keys(), c.floats() + shape.values(), round_up(rows.value_dim, Vec::width)},
        queries(c.floats() + shape.queries()),
        w(c.floats() + shape.scores()),
        units(reinterpret_cast<Unit*>(c.floats() + shape.units())) {}

  CREST_INLINE Group<1> row(Index i) const { return {units[i].shape, c.floats() + i * row_floats}; }

  /// Loads and packs the queries of the first `n` units; rows past the last are zeros.
  void begin(Index n) {
    const Index head_dim = rows.head_dim;
    count = n;
    std::fill_n(queries, round_up(count, multiply_rows) * head_dim, 0.0f);
    for (Index i = 0; i < count; ++i) {
      const Unit& u = units[i];
      start(row(i), c.p, u.first_head, u.query);
      if (c.task.split == 0) add_sinks(row(i), c.p, u.first_head, recipe.softmax);
      float* to = queries + i / multiply_rows * multiply_rows * head_dim + i % multiply_rows;
      for (Index x = 0; x < head_dim; ++x) to[x * multiply_rows] = row(i).q[x];
    }
  }

  /// Scores of a block of packed queries for the first `most` keys of the tile.
  void score(const float* block, Index most) const {
    constexpr Index panel = KeyTile<T>::panel;
    for (Index at = 0; at < most; at += panel) {
      Vec sum[multiply_rows * multiply_vectors];
      clear(sum);
      multiply<multiply_vectors>(Multiplicand<1, multiply_rows>{block}, tile.k + at * rows.head_dim, rows.head_dim,
                                 sum);
      CREST_UNROLL for (int i = 0; i < multiply_rows * multiply_vectors; ++i)
          store(w + i / multiply_vectors * keys + at + i % multiply_vectors * Vec::width, sum[i]);
    }
  }
  /// What a unit's scores of the tile become before the softmax.
  CREST_INLINE void change(const Unit& u, float* scores) const {
    if (changes) logits_of(c, recipe, u).template apply<keys, 1>(tile.key, 0, scores);
  }

  /// Turns a row's scores into weights; keys that it does not see get none. Returns how often its reference moved.
  template <class Draws>
  Index weigh(Index i, float* scores, std::uint64_t seen, const Draws& draws) const {
    const Group<1> g = row(i);
    const TileState<1> state = g.tile_state(0);
    change(units[i], scores);
    draws.weigh_up(scores);
    hide(scores, seen, -std::numeric_limits<float>::infinity());
    const float before = state.reference[0];
    const Index moved =
        weigh_block<keys>(scores, keys, state, recipe.softmax, Accumulated<1>{g.o, g.run, g.tile_outputs()});
    state.fold();
    draws.note(i, scores, state.reference[0] - before);
    return moved;
  }

  /// Adds the values of some keys of the tile, vectors from x on, to some rows.
  template <int NV>
  CREST_INLINE void add_values(KeyRange some, KeyRange to, Index x) const {
    constexpr Index W = Vec::width;
    Vec sum[multiply_rows * NV];
    clear(sum);
    multiply<NV>(Multiplicand<keys, 1>{w + some.first}, tile.v + x * keys + some.first * NV * W, length(some), sum);
    float* o = row(to.first).o + x;
    CREST_UNROLL for (int r = 0; r < multiply_rows; ++r, o += row_floats) if (to.first + r < to.last)
        CREST_UNROLL for (int n = 0; n < NV; ++n) store(o + n * W, load(o + n * W) + sum[r * NV + n]);
  }
  void add_values(KeyRange some, KeyRange to) const {
    const Index paired = tile.paired();
    for (Index x = 0; x < paired; x += tile.panel) add_values<multiply_vectors>(some, to, x);
    if (paired < tile.value_dim) add_values<1>(some, to, paired);
  }
  /// The values of one row's keys, key by key: one that others see and this row does not must not touch it.
  void add_own_values(Index i, const float* weights, std::uint64_t seen) const {
    for (; seen; seen &= seen - 1) {
      const int j = std::countr_zero(seen);
      float* o = row(i).o;
      for (Index x = 0; x < tile.value_dim; x += Vec::width)
        store(o + x, fma(broadcast(weights[j]), load(tile.value(j, x)), load(o + x)));
    }
  }

  /// The tile for a block of rows. Returns how often a reference moved.
  template <class Draws>
  Index attend_block(KeyRange some, const Draws& draws) const {
    std::uint64_t seen[multiply_rows], any = 0, all = ~std::uint64_t{0};
    for (Index i = some.first; i < some.last; ++i) {
      const bool same = i > some.first && units[i].query == units[i - 1].query;
      std::uint64_t& bits = seen[i - some.first];
      bits = same ? seen[i - some.first - 1] : seen_bits(tile, Visible(c.p, units[i].query).ranges());
      any |= bits, all &= bits;
    }
    if (any == 0) return 0;
    const KeyRange used{std::countr_zero(any), keys - std::countl_zero(any)};
    Index moved = 0;
    score(queries + some.first * rows.head_dim, used.last);
    for (Index i = some.first; i < some.last; ++i)
      moved += weigh(i, w + (i - some.first) * keys, seen[i - some.first], draws);
    if (any == all || tile.finite)
      add_values(used, some);
    else
      for (Index i = some.first; i < some.last; ++i)
        add_own_values(i, w + (i - some.first) * keys, seen[i - some.first]);
    return moved;
  }

  /// The keys of a stream, for all rows.
  template <class Stream, class Draws>
  Index attend(Stream stream, Draws&& draws) {
    Index moved = 0;
    while (pack_tile<true>(stream, rows, tile)) {
      draws.begin(tile);
      for (Index at = 0; at < count; at += multiply_rows)
        moved += attend_block({at, std::min(at + multiply_rows, count)}, draws);
    }
    return moved;
  }
  /// All keys of the task.
  Index attend_all() {
    Index moved = 0;
    for_each_seen(c.p, c.task.queries, c.task.keys, [&](std::span<const KeyRange> some) {
      moved += attend(RangeBlocks<T, 1>(rows, some, c.task.keys), EachOnce{});
    });
    return moved;
  }
};

/// A streaming task of many rows.
template <class T, class R>
void prefill_task(const TaskCall<T>& c, const R& recipe) {
  Prefill<T, R> rows(c, recipe, prefill_shape(c.plan));
  Index count = 0;
  c.plan.each_unit(c.task.kv_head, c.task.queries, [&](const Unit& u) { rows.units[count++] = u; });
  rows.begin(count);
  c.tally.rescales += rows.attend_all();
  for (Index i = 0; i < count; ++i) finish_unit<R>(c, rows.row(i), rows.units[i]);
  count_scan<R>(c, LoadedValues(0));
}
