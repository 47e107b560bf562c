// Many rows (query heads x queries) over the same keys: tile by tile, each packed once for all of them. A row is a
// Group of one head. Which products compute scores and outputs is a policy: FloatProducts, or TileProducts.

/// One bit for each key of a tile that lies in some ranges.
CREST_INLINE std::uint64_t seen_bits(const TileKeys& tile, std::span<const KeyRange> ranges) {
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
  CREST_INLINE void begin(const TileKeys&) const {}
  CREST_INLINE void weigh_up(float*) const {}
  CREST_INLINE void note(Index, const float*, float) const {}
};

/// Rows that are attended together, in a thread's workspace.
template <class T, class R, class Products = FloatProducts<T>>
struct Prefill : Products {
  using Products::keys, Products::block_rows, Products::tile, Products::w;
  const TaskCall<T>& c;
  const R& recipe;
  Index row_floats;
  bool changes;  ///< logits are not what products of q and k are
  KvRows<T> rows;
  Unit* units;  ///< [rows]
  Index count = 0;

  template <class... More>
  Prefill(const TaskCall<T>& call, const R& r, const typename Products::Shape& shape, More&... more)
      : Products(call.floats(), shape, more...),
        c(call),
        recipe(r),
        row_floats(shape.row.floats()),
        changes(!call.p.logits.unchanged() || any_variant(r).variant),
        rows(kv_rows(c.p, c.task.kv_head)),
        units(reinterpret_cast<Unit*>(c.floats() + shape.units())) {}

  CREST_INLINE Group<1> row(Index i) const { return {units[i].shape, c.floats() + i * row_floats}; }

  /// Takes all units of the task.
  Index take() {
    Index n = 0;
    c.plan.each_unit(c.task.kv_head, c.task.queries, [&](const Unit& u) { units[n++] = u; });
    return n;
  }

  /// Loads and packs the queries of the first `n` units; rows past the last are zeros.
  void begin(Index n) {
    count = n;
    this->clear_queries(count);
    for (Index i = 0; i < count; ++i) {
      const Unit& u = units[i];
      start(row(i), c.p, u.first_head, u.query);
      if (c.task.split == 0) add_sinks(row(i), c.p, u.first_head, recipe.softmax);
      this->pack_query(i, row(i).q);
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

  /// Which keys of the tile each of some rows sees.
  struct Seen {
    std::uint64_t by_row[block_rows], any = 0, all = ~std::uint64_t{0};
  };
  CREST_INLINE std::uint64_t seen_by(Index i) const { return seen_bits(tile, Visible(c.p, units[i].query).ranges()); }
  Seen seen_by_rows(KeyRange some) const {
    Seen seen;
    const Index n = length(some);
    const std::uint64_t first = seen.by_row[0] = seen_by(some.first), last = seen_by(some.last - 1);
    // What the first and the last see whole, a mask hides from none between them. Most tiles are seen whole.
    const bool alike = c.p.range_of.empty() && first == last && std::popcount(first) == tile.count;
    for (Index i = 0; i < n; ++i) {
      const bool same = i > 0 && units[some.first + i].query == units[some.first + i - 1].query;
      const std::uint64_t bits = alike ? first : same ? seen.by_row[i - 1] : seen_by(some.first + i);
      seen.by_row[i] = bits, seen.any |= bits, seen.all &= bits;
    }
    return seen;
  }

  /// The tile for a block of rows. Returns how often a reference moved.
  template <class Draws>
  Index attend_block(KeyRange some, const Draws& draws) const {
    const Seen seen = seen_by_rows(some);
    if (seen.any == 0) return 0;
    const KeyRange used{std::countr_zero(seen.any), keys - std::countl_zero(seen.any)};
    Index moved = 0;
    this->score(this->block(some.first), used.last);
    for (Index i = some.first; i < some.last; ++i)
      moved += weigh(i, w + (i - some.first) * keys, seen.by_row[i - some.first], draws);
    if (seen.any == seen.all || tile.finite)
      this->add_values(used, OutputRows{row(some.first).o, row_floats, length(some)});
    else
      for (Index i = some.first; i < some.last; ++i)
        this->add_own_values(row(i).o, w + (i - some.first) * keys, seen.by_row[i - some.first]);
    return moved;
  }

  /// The keys of a stream, for all rows.
  template <class Stream, class Draws>
  Index attend(Stream stream, Draws&& draws) {
    Index moved = 0;
    while (this->pack(stream)) {
      draws.begin(tile);
      for (Index at = 0; at < count; at += block_rows)
        moved += attend_block({at, std::min(at + block_rows, count)}, draws);
    }
    return moved;
  }
  /// All keys of the task.
  template <class Draws = EachOnce>
  Index attend_all(Draws&& draws = {}) {
    Index moved = 0;
    for_each_seen(c.p, c.task.queries, c.task.keys, [&](std::span<const KeyRange> some) {
      moved += attend(RangeBlocks<T, 1>(rows, some, c.task.keys), draws);
    });
    return moved;
  }
};

/// Attends the first `n` units of some rows to all keys of the task and finishes them.
template <class T, class R>
void attend_units(Prefill<T, R>& rows, Index n) {
  rows.begin(n);
  rows.c.tally.rescales += rows.attend_all();
  for (Index i = 0; i < n; ++i) finish_unit<R>(rows.c, rows.row(i), rows.units[i]);
}

/// A streaming task of many rows.
template <class T, class R>
void prefill_task(const TaskCall<T>& c, const R& recipe) {
  Prefill<T, R> rows(c, recipe, prefill_shape(c.plan));
  attend_units(rows, rows.take());
  count_scan<R>(c, LoadedValues(0));
}
