// Many rows (query heads x queries) over the same keys: tile by tile, each packed once for all of them. A row is a
// Group of one head. Which products compute scores and outputs is a policy: FloatProducts, or TileProducts.

/// One bit for each key of a tile that lies in some ranges.
template <int N>
CREST_INLINE KeyBits<N> seen_bits(const TileKeys<N>& tile, std::span<const KeyRange> ranges) {
  const KeyRange range = tile.range();
  const std::span<const KeyRange> some = reaching_into(ranges, range);
  if (some.size() == 1 && some[0].first <= range.first && some[0].last >= range.last)
    return KeyBits<N>::first(tile.count);
  KeyBits<N> bits;
  if (tile.in_line()) {
    for (const KeyRange r : some) {
      const KeyRange seen = intersect(r, range);
      bits |=
          KeyBits<N>::between(static_cast<int>(seen.first - range.first), static_cast<int>(seen.last - range.first));
    }
    return bits;
  }
  std::size_t at = 0;
  for (int i = 0; i < tile.count; ++i) {
    while (at < some.size() && some[at].last <= tile.key[i]) ++at;
    if (at < some.size() && some[at].first <= tile.key[i]) bits.insert(i);
  }
  return bits;
}

/// No weight for those of the first N keys of a tile that a row does not see.
template <int N, int All>
CREST_INLINE void hide_unseen(float* scores, const KeyBits<All>& seen) {
  for (int w = 0; w < N / 64; ++w) hide(scores + 64 * w, seen.word[w], -std::numeric_limits<float>::infinity());
}

/// Every key counts once: tiles need nothing else. note(row, w, weigher, how far its reference rose) follows a row's
/// weights; they are at w where the weigher keeps them there.
struct EachOnce {
  template <int N>
  CREST_INLINE void begin(const TileKeys<N>&) const {}
  CREST_INLINE void weigh_up(float*) const {}
  CREST_INLINE void note(Index, const float*, const AsTheyAre&, float) const {}
};

/// Rows that are attended together, in a thread's workspace.
template <class T, class R, class Products = FloatProducts<T>>
struct Prefill : Products {
  static constexpr Index rows_ahead = 8;
  using Products::keys, Products::block_rows, Products::tile, Products::w;
  const TaskCall<T>& c;
  const R& recipe;
  GroupShape shape;  ///< of a row
  Index row_floats;
  float* run;    ///< zeros: outputs of a row since the last fold(), which tiles add to the rest at once
  bool changes;  ///< logits are not what products of q and k are
  KvRows<T> rows;
  Unit* units;  ///< [rows]
  Index count = 0;

  template <class... More>
  Prefill(const TaskCall<T>& call, const R& r, const typename Products::Shape& all, More&... more)
      : Products(call.floats(), all, score_factor(call.p), more...),
        c(call),
        recipe(r),
        shape(all.row),
        row_floats(all.row_floats()),
        run(call.floats() + all.run()),
        changes(!call.p.logits.unchanged() || any_variant(r).variant),
        rows(kv_rows(c.p, c.task.kv_head)),
        units(reinterpret_cast<Unit*>(c.floats() + all.units())) {}

  CREST_INLINE Group<1> row(Index i) const {
    float* const o = c.floats() + i * row_floats;
    return {{1, shape.head_dim, shape.value_dim}, nullptr, o, run, o + shape.o_pitch()};
  }

  /// Takes all units of the task.
  Index take() {
    Index n = 0;
    c.plan.each_unit(c.task.kv_head, c.task.queries, [&](const Unit& u) { units[n++] = u; });
    return n;
  }

  /// Queries and outputs of heads lie far apart, and each is touched once: asks for those of the row some rows behind
  /// i.
  template <class View>
  CREST_INLINE void prefetch_row(const View& view, Index i) const {
    if (i + rows_ahead >= count) return;
    const Unit& u = units[i + rows_ahead];
    prefetch_lines(reinterpret_cast<std::uintptr_t>(view.row(u.first_head, u.query)),
                   view.extent(2) * view.element_bytes());
  }
  /// Loads and packs the queries of the first `n` units; rows past the last are zeros.
  void begin(Index n) {
    count = n;
    this->clear_queries(count);
    for (Index i = 0; i < count; ++i) {
      const Unit& u = units[i];
      prefetch_row(c.p.q, i);
      row(i).clear();
      if (c.task.split == 0) add_sinks(row(i), c.p, u.first_head, recipe.softmax);
      with_query(c.p, u.first_head, u.query, this->query_factor(), [&](auto&& at) { this->pack_query(i, at); });
    }
  }

  /// Makes products of a row scores, where they are to change.
  template <class Weigher>
  CREST_INLINE static void scale(float* products, const Weigher& weigher) {
    for (Index j = 0; j < keys; j += Vec::width) store(products + j, weigher.score(load(products + j)));
  }
  /// What a unit's scores of the tile become before the softmax.
  CREST_INLINE void change(const Unit& u, float* scores) const {
    if (changes) logits_of(c, recipe, u).template apply<keys, 1>(tile.key, 0, scores);
  }

  /// Turns a row's scores of the first N keys into weights; keys that it does not see get none. Returns how often its
  /// reference moved.
  template <int N, class Draws>
  Index weigh(Index i, float* scores, const KeyBits<keys>& seen, const Draws& draws) const {
    const Group<1> g = row(i);
    const TileState<1> state = g.tile_state(0);
    if (changes) scale(scores, this->weigher(i, false)), change(units[i], scores);
    draws.weigh_up(scores);
    auto weigher = this->weigher(i, changes);
    hide_unseen<N>(scores, seen);
    const float before = state.reference[0];
    const Accumulated<1> old{g.o, g.run, g.tile_outputs()};
    const Index moved = weigh_block<N>(scores, N, state, recipe.softmax, old, weigher);
    state.fold();
    draws.note(i, scores, weigher, state.reference[0] - before);
    return moved;
  }

  /// Which keys of the tile each row of a block sees.
  struct Seen {
    using Bits = KeyBits<keys>;
    KeyRange some{};  ///< rows
    Bits any, all, by_row[block_rows];
    bool alike = true;  ///< all rows see the same keys: `all`

    /// The least range that holds all keys which a row sees.
    CREST_INLINE KeyRange used() const { return {any.begin(), any.end()}; }
    CREST_INLINE const Bits& by(Index i) const { return alike ? all : by_row[i - some.first]; }
  };
  CREST_INLINE KeyBits<keys> seen_by(Index i) const { return seen_bits(tile, Visible(c.p, units[i].query).ranges()); }
  void see(Seen& seen, KeyRange some) const {
    seen.some = some;
    seen.any = seen.all = seen_by(some.first);
    // What the first and the last see whole, a mask hides from none between them. Most tiles are seen whole.
    seen.alike = c.p.range_of.empty() && seen.all.count() == tile.count && seen.all == seen_by(some.last - 1);
    for (Index i = some.first; i < some.last && !seen.alike; ++i) {
      auto& bits = seen.by_row[i - some.first];
      const bool same = i > some.first && units[i].query == units[i - 1].query;
      bits = same ? seen.by_row[i - 1 - some.first] : seen_by(i);
      seen.any |= bits, seen.all &= bits;
    }
  }
  /// The scores of row i of a block.
  CREST_INLINE float* scores(const Seen& seen, Index i) const { return w + (i - seen.some.first) * Products::pitch; }

  /// Weighs a block that sees nothing behind the first N keys.
  template <int N, class Draws>
  Index weigh_rows(const Seen& seen, const Draws& draws) const {
    Index moved = 0;
    for (Index i = seen.some.first; i < seen.some.last; ++i) moved += weigh<N>(i, scores(seen, i), seen.by(i), draws);
    return moved;
  }
  /// The values of a block that was weighed.
  void add_values_of(const Seen& seen) const {
    const bool all_of_them = seen.any == seen.all && seen.any.count() == length(seen.used());
    if (all_of_them || tile.finite)
      return this->add_values(w, seen.used(), OutputRows{row(seen.some.first).o, row_floats, length(seen.some)});
    for (Index i = seen.some.first; i < seen.some.last; ++i)
      this->add_own_values(row(i).o, scores(seen, i), seen.by(i));
  }
  /// The tile for all rows, block by block. Returns how often a reference moved.
  template <class Draws>
  Index attend_tile(const Draws& draws) {
    Seen seen;
    Index moved = 0;
    for (Index first = 0; first < count; first += block_rows) {
      see(seen, {first, std::min(first + block_rows, count)});
      if (!seen.any.any()) continue;
      this->score(this->block(first), seen.used().last, w);
      const bool few = seen.used().last <= Products::few_keys;
      moved += few ? weigh_rows<Products::few_keys>(seen, draws) : weigh_rows<keys>(seen, draws);
      add_values_of(seen);
    }
    return moved;
  }

  /// The keys of a stream, for all rows.
  template <class Stream, class Draws>
  Index attend(Stream stream, Draws&& draws) {
    Index moved = 0;
    while (this->pack(stream)) {
      draws.begin(tile);
      moved += attend_tile(draws);
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
