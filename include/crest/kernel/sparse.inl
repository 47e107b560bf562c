// Sparse prefill: mass-stride sampling for tiles of queries.
//
// For each query tile of a KV head: every visible key is scored by three rows per head of the group, the mean query and
// two of the tile's own queries. Per head, keys are drawn by the mean query's softmax, gathered into tiles of packed
// keys, and attended by all queries of the tile, each key counting 1 / p. Scanning costs 3 rows of 2 * 60, in half of
// the multiply-adds; the rest is what the budget says.
//
// Error of a row, with A = weight / (p * sum), from the drawn keys: S = sum of A^2 (1 - p) |v|^2 / |o|^2. A key with a
// tiny p that was not drawn is not in there. The two queries that scored all keys know what any draw with these
// probabilities misses: M = sum of m^2 (1 / p - 1), m their true weights. error^2 is the mean of S and of M times the
// |v|^2 / |o|^2 that S has on average.

/// Highest of n scores, n a multiple of every vector width.
CREST_INLINE float highest(const float* scores, Index n) {
  Vec most = broadcast(unset);
  for (Index i = 0; i < n; i += Vec::width) most = max(most, load(scores + i));
  return lane_max(most);
}

/// Keys' chances to be drawn, in a thread's workspace.
struct Chances {
  static constexpr float tempering = 0.8f, least = 1e-9f;
  float* p;  ///< [keys]
  Index keys;

  CREST_INLINE DrawSpace space(const KeySet& open) const {
    return {keys / DrawSpace::all, 0, 0, nullptr, nullptr, p, &open};
  }
  /// Probabilities that add up to about `budget`: min(1, c w), w the tempered weights of some scores; certain keys
  /// have 1.
  void set(const float* scores, const KeySet& open, const KeySet& certain, float budget) const {
    const Vec most = broadcast(highest(scores, keys)), power = broadcast(tempering);
    for (Index i = 0; i < keys; i += Vec::width) store(p + i, exp2((load(scores + i) - most) * power));
    for (Index key : certain) p[key] = 1e30f;
    const Vec scale = broadcast(std::exp2(solve_scale(space(open), budget, 0).log_scale));
    for (Index i = 0; i < keys; i += Vec::width) store(p + i, min(broadcast(1.0f), load(p + i) * scale));
  }
  /// sum of m^2 (1 / p - 1) for a row that scored all keys: the variance of its sum of weights, of 1.
  float missed(const float* scores) const {
    const Vec most = broadcast(highest(scores, keys)), one = broadcast(1.0f);
    Vec sum = zero(), spread = zero();
    for (Index i = 0; i < keys; i += Vec::width) {
      const Vec m = exp2(load(scores + i) - most);
      sum = sum + m;
      spread = fma(m * m, one / max(broadcast(least), load(p + i)) - one, spread);
    }
    const float total = lane_sum(sum);
    return lane_sum(spread) / (total * total);
  }
};

/// Drawn keys count 1 / p; what that adds to the error of every row is summed up.
template <class T>
struct DrawnKeys {
  const KvRows<T>& rows;
  const float* p;
  float* spread;  ///< [rows][2][pad]: sums of squared weights times (1 - p) |v|^2, and times 1 - p
  alignas(64) float up[PrefillShape::tile_keys], value[PrefillShape::tile_keys], alone[PrefillShape::tile_keys];

  void begin(const KeyTile<T>& tile) {
    for (int j = 0; j < tile.keys; ++j) {
      const Index key = tile.key[j];
      const float scale = rows.value_scale(key);
      up[j] = -std::log2(p[key]);
      alone[j] = 1 - p[key];
      value[j] = alone[j] > 0 ? alone[j] * squared_length(rows.value(key), rows.value_dim) * scale * scale : 0;
    }
  }
  CREST_INLINE void weigh_up(float* scores) const {
    for (Index j = 0; j < PrefillShape::tile_keys; j += Vec::width) store(scores + j, load(scores + j) + load(up + j));
  }
  /// moved: how far the row's reference rose.
  CREST_INLINE void note(Index i, const float* w, const AsTheyAre&, float moved) const {
    float* to = spread + i * 2 * GroupShape::pad;
    const Vec old = broadcast(moved > 0 ? std::exp2(-2 * moved) : 1.0f);
    Vec a = load(to) * old, b = load(to + GroupShape::pad) * old;
    for (Index j = 0; j < PrefillShape::tile_keys; j += Vec::width) {
      const Vec square = load(w + j) * load(w + j);
      a = fma(square, load(value + j), a);
      b = fma(square, load(alone + j), b);
    }
    store(to, a), store(to + GroupShape::pad, b);
  }
};

/// The queries of one tile of one KV head.
template <class T, class R>
struct SparseTile {
  const TaskCall<T>& c;
  const R& recipe;
  SparseShape shape;
  Prefill<T, R> rows;
  float *looking, *scores, *spread;
  Chances chances;
  KeySet open, certain, kept;  ///< keys that any of the queries sees; that all must use; that are drawn
  Index seen = 0;              ///< how many are open
  bool finite = true;          ///< all scores were

  SparseTile(const TaskCall<T>& call, const R& r)
      : c(call),
        recipe(r),
        shape(sparse_shape(c.plan)),
        rows(c, r, shape.rows),
        looking(c.floats() + shape.queries()),
        scores(c.floats() + shape.scores()),
        spread(c.floats() + shape.spread()),
        chances{c.floats() + shape.chances(), shape.pitch()} {
    const auto words = static_cast<std::size_t>(KeySet::words_for(shape.cache));
    auto* sets = reinterpret_cast<KeySet::Word*>(c.floats() + shape.sets());
    open = KeySet({sets, words}), certain = KeySet({sets + words, words}), kept = KeySet({sets + 2 * words, words});
    open.clear(), certain.clear();
  }

  CREST_INLINE Index queries() const { return length(c.task.queries); }
  /// Which query a looker is: those beside the mean query stand at a quarter and three quarters of the tile. The mean
  /// query stands at the end, where it sees all.
  CREST_INLINE Index looker(Index which) const { return which == 0 ? queries() - 1 : queries() * (2 * which - 1) / 4; }
  CREST_INLINE Unit unit(Index head, Index query) const {
    return {c.task.queries.first + query, c.task.kv_head * shape.group + head, shape.rows.row, query};
  }
  void take(Index head) {
    for (Index i = 0; i < queries(); ++i) rows.units[i] = unit(head, i);
  }
  CREST_INLINE float* packed(Index row) const {
    return looking + row / multiply_rows * multiply_rows * rows.rows.head_dim + row % multiply_rows;
  }

  /// Packs the rows that look at all keys.
  void pack_lookers() {
    const Index dim = rows.rows.head_dim;
    std::fill_n(looking, round_up(shape.looking(), multiply_rows) * dim, 0.0f);
    for (Index h = 0; h < shape.group; ++h) {
      take(h);
      rows.begin(queries());
      float* const mean = packed(h * shape.lookers);
      for (Index i = 0; i < queries(); ++i)
        for (Index x = 0; x < dim; ++x)
          mean[x * multiply_rows] += rows.packed_query(i)[x * multiply_rows] / static_cast<float>(queries());
      for (Index which = 1; which < shape.lookers; ++which)
        for (Index x = 0; x < dim; ++x)
          packed(h * shape.lookers + which)[x * multiply_rows] = rows.packed_query(looker(which))[x * multiply_rows];
    }
  }

  /// Keys of the tile that every query sees. With a mask the first and the last query tell.
  KeyBits<PrefillShape::tile_keys> seen_by_all() const {
    const Index step = c.p.range_of.empty() ? std::max<Index>(1, queries() - 1) : 1;
    auto bits = KeyBits<PrefillShape::tile_keys>::first(rows.tile.count);
    for (Index i = 0; i < queries(); i += step)
      bits &= seen_bits(rows.tile, Visible(c.p, c.task.queries.first + i).ranges());
    return bits;
  }
  /// Whether the scores of the tile's keys are finite; else a key or a query may not be.
  bool finite_scores(const float* w) const {
    Vec traces = zero();
    for (Index j = 0; j < rows.tile.count; j += Vec::width) traces = fma(load(w + j), zero(), traces);
    return all_finite(traces);
  }
  /// The mean query chooses for all queries of the tile. Where a bias or a mask hides a key from the query it stands
  /// for, others may see it: the product of mean query and key tells its chance.
  void change_mean(const Unit& u, float* w) const {
    if (!rows.changes) return;
    constexpr float hidden = -9e4f;  // -65504, the lowest f16, in log2 units
    alignas(64) float products[PrefillShape::tile_keys];
    std::copy_n(w, rows.tile.count, products);
    rows.change(u, w);
    for (int j = 0; j < rows.tile.count; ++j)
      if (w[j] < hidden) w[j] = products[j];
  }
  /// Keeps the scores of one looker.
  void keep_scores(Index row, float* w, bool all) {
    finite &= finite_scores(w);
    const Index which = row % shape.lookers;
    const Unit u = unit(row / shape.lookers, looker(which));
    if (which == 0)
      change_mean(u, w);
    else
      rows.change(u, w);
    if (!all) hide_unseen<PrefillShape::tile_keys>(w, seen_bits(rows.tile, Visible(c.p, u.query).ranges()));
    for (int j = 0; j < rows.tile.count; ++j) scores[row * shape.pitch() + rows.tile.key[j]] = w[j];
  }
  void look_at_tile() {
    const auto common = seen_by_all();
    const KeyTile<T>& tile = rows.tile;
    for (int j = 0; j < tile.count; ++j) {
      open.insert(tile.key[j]);
      if (!common.holds(j)) certain.insert(tile.key[j]);
    }
    const bool all = common.count() == tile.count;
    for (Index row = 0; row < shape.looking(); row += multiply_rows) {
      rows.score(looking + row * rows.rows.head_dim, tile.count, rows.w);
      for (Index r = 0; r < multiply_rows && row + r < shape.looking(); ++r)
        keep_scores(row + r, rows.w + r * tile.keys, all);
    }
    seen += tile.count;
  }
  /// Scores all keys.
  void look() {
    pack_lookers();
    std::fill_n(scores, shape.looking() * shape.pitch(), -std::numeric_limits<float>::infinity());
    for_each_seen(c.p, c.task.queries, c.task.keys, [&](std::span<const KeyRange> some) {
      RangeBlocks<T, 1> stream(rows.rows, some, c.task.keys);
      while (rows.template pack<false>(stream)) look_at_tile();
    });
    const Visible first(c.p, c.task.queries.first);
    Wanted(certain, first.ranges()).add_ends(recipe.options.keep_first, recipe.options.keep_last);
    c.tally.keys_sampled += shape.looking() * seen;
    c.tally.bytes_read += static_cast<std::uint64_t>(seen) * key_bytes(c.p);
  }

  CREST_INLINE const float* looked(Index head, Index which) const {
    return scores + (head * shape.lookers + which) * shape.pitch();
  }
  /// What draws miss, mean of the two queries that know.
  float missed(Index head) const {
    float sum = 0;
    for (Index which = 1; which < shape.lookers; ++which) sum += chances.missed(looked(head, which));
    return sum / static_cast<float>(shape.lookers - 1);
  }

  /// Sets the chances of one head's keys. Returns the least variance that its rows can expect; infinite where nothing
  /// but all keys will do.
  float choose(Index head) {
    constexpr float shares[] = {0.05f, 0.1f, 0.15f, 0.2f, 0.3f, 0.45f};
    if (!finite) return std::numeric_limits<float>::infinity();
    const float target = recipe.options.target_error, sure = static_cast<float>(certain.count());
    const std::span<const float> budgets =
        target > 0 ? std::span<const float>(shares) : std::span(&recipe.options.budget, 1);
    for (float share : budgets) {
      const float budget = std::max(share * static_cast<float>(seen), sure + 16);
      if (budget >= 0.9f * static_cast<float>(seen)) break;
      chances.set(looked(head, 0), open, certain, budget);
      const float variance = missed(head);
      if (target <= 0 || std::sqrt(variance) <= target) return variance;
    }
    return std::numeric_limits<float>::infinity();
  }

  /// Predicted relative error of a row.
  float predict(Index i, float variance) const {
    const Group<1> g = rows.row(i);
    const float* s = spread + i * 2 * GroupShape::pad;
    const float sum = g.sum(0), own = squared_length(g.o, g.shape.o_pitch());
    const float drawn = lane_sum(load(s)) / own, alone = lane_sum(load(s + GroupShape::pad)) / (sum * sum);
    return std::sqrt((drawn + variance * (alone > 0 ? drawn / alone : 1)) / 2);
  }

  /// Keys of the tile that a row does not see. They are certain, so all of them are among the drawn.
  Index hidden(Index i) const { return seen - Visible(c.p, rows.units[i].query).count(c.task.keys); }

  /// Writes a row that was computed with `keys` keys.
  void write(Index i, float error, Index keys) {
    const Unit& u = rows.units[i];
    const Index n = Visible(c.p, u.query).count(c.task.keys);
    c.tally.add_error(error);
    c.tally.keys_scored += keys;
    c.tally.keys_used += keys;
    write_error(c.p, u.first_head, u.query, error);
    write_group(rows.row(i), c.p, u.first_head, u.query, hides_keys<R>(c.p) || n == 0);
  }

  /// The first `n` units, exactly.
  void attend_exactly(Index n) {
    if (n == 0) return;
    rows.begin(n);
    c.tally.rescales += rows.attend_all();
    for (Index i = 0; i < n; ++i) write(i, 0, Visible(c.p, rows.units[i].query).count(c.task.keys));
    c.tally.fallbacks += n;
    c.tally.bytes_read += static_cast<std::uint64_t>(seen) * row_bytes(c.p);
  }

  /// All rows of one head.
  void attend(Index head) {
    take(head);
    const float variance = choose(head), target = recipe.options.target_error;
    if (!(variance < std::numeric_limits<float>::infinity())) return attend_exactly(queries());
    rows.begin(queries());
    kept.clear();
    const float offset = detail::walk_start(recipe.options.seed, c.task.queries.first, unit(head, 0).first_head);
    draw_keys(chances.space(open), chance_at(0), offset, kept);
    std::fill_n(spread, 2 * shape.rows.rows * GroupShape::pad, 0.0f);
    c.tally.rescales +=
        rows.attend(SetStream<T, 1>(rows.rows, kept), DrawnKeys<T>{rows.rows, chances.p, spread, {}, {}, {}});
    const Index keys = kept.count();
    c.tally.bytes_read += (scattered_key_bytes(c.p) + scattered_value_bytes(c.p)) * static_cast<std::uint64_t>(keys);
    Index again = 0;
    for (Index i = 0; i < queries(); ++i) {
      const float error = predict(i, variance);
      if (target > 0 && !(error <= target))
        rows.units[again++] = rows.units[i];
      else
        write(i, error, keys - hidden(i));
    }
    attend_exactly(again);
  }
};

template <class T, class R>
void sparse_task(const TaskCall<T>& c, const R& recipe) {
  SparseTile<T, R> tile(c, recipe);
  tile.look();
  for (Index head = 0; head < tile.shape.group; ++head) tile.attend(head);
  c.tally.rows += tile.shape.group * tile.queries();
  for (Index i = c.task.queries.first; i < c.task.queries.last; ++i)
    c.tally.keys_visible += tile.shape.group * Visible(c.p, i).count(c.task.keys);
}
