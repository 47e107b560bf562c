// A GQA group at one query: the loop every recipe ends in.
//
// Per block of 16 keys (f16, head_dim d, group of 4): read 16 * 2d bytes of K and as many of V, once for all heads of
// the group. While K rows are scored, those a block on are prefetched, while values are added the V rows a block on:
// two steady streams. Nothing else moves: q, the accumulators (4 * 8d bytes) and 128 weights stay in L1. At d = 128
// that is 64 FMA of 16 floats, 16 conversions and a quarter of an exp2 vector per key and group of 4 against 512 bytes
// from memory.

/// The rows of one group at one query, in a thread's workspace.
template <int HT>
struct Group {
  GroupShape shape;
  float* q;      ///< [tiles][head_dim / W][HT][W], times scale and log2(e), zero-padded: a step reads one stream
  float* o;      ///< [tiles][value_dim / W][HT][W], unnormalised
  float* run;    ///< as o: what was added since the last fold()
  float* state;  ///< [tiles] TileState

  CREST_INLINE Group(const GroupShape& s, float* floats)
      : shape(s), q(floats), o(q + s.padded_heads() * s.q_pitch()), run(o + s.outputs()), state(run + s.outputs()) {}
  CREST_INLINE Group(const GroupShape& s, float* queries, float* outputs, float* running, float* states)
      : shape(s), q(queries), o(outputs), run(running), state(states) {}

  CREST_INLINE TileState<HT> tile_state(Index t) const { return TileState<HT>(state + t * GroupShape::state_floats); }
  CREST_INLINE const float* tile_q(Index t) const { return q + t * HT * shape.q_pitch(); }
  CREST_INLINE Index tile_outputs() const { return HT * shape.o_pitch(); }
  CREST_INLINE float* tile_o(Index t) const { return o + t * tile_outputs(); }
  CREST_INLINE float* tile_run(Index t) const { return run + t * tile_outputs(); }
  CREST_INLINE float reference(Index head) const { return tile_state(head / HT).reference[head % HT]; }
  CREST_INLINE float sum(Index head) const { return tile_state(head / HT).total(static_cast<int>(head % HT)); }

  /// log2 of the head's sum of 2^score.
  CREST_INLINE float log_total(Index head) const {
    const float total = sum(head);
    return total > 0 ? reference(head) + std::log2(total) : unset;
  }

  /// Forgets every key but the highest score, for a second pass.
  template <class Softmax>
  void restart(const Softmax& softmax) const {
    clear_values();
    for (Index t = 0; t < shape.tiles(); ++t) tile_state(t).restart(softmax);
  }
  /// Equal weights count keys: their log-sum-exp refers to no score.
  void refer_to_none() const {
    for (Index t = 0; t < shape.tiles(); ++t) std::fill_n(tile_state(t).reference, TileState<HT>::lanes, 0.0f);
  }
  /// Forgets every key.
  void clear() const {
    clear_values();
    for (Index t = 0; t < shape.tiles(); ++t) tile_state(t).clear();
  }
  void clear_values() const {
    for (Index x = 0; x < shape.outputs(); x += Vec::width) store(o + x, zero()), store(run + x, zero());
  }
  /// Adds what has run up to the totals. One long chain of float additions would swallow light keys after a heavy one.
  void fold() const {
    for (Index x = 0; x < shape.outputs(); x += Vec::width) {
      store(o + x, load(o + x) + load(run + x));
      store(run + x, zero());
    }
    for (Index t = 0; t < shape.tiles(); ++t) tile_state(t).fold();
  }
};

/// What makes a product of q and k a score in log2 units.
template <class T>
CREST_INLINE float score_factor(const Problem<T>& p) {
  return (p.scale != 0 ? p.scale : 1.0f / std::sqrt(static_cast<float>(p.head_dim()))) * log2_e;
}

/// A query in memory, times a factor.
template <class T>
struct QueryRow {
  const T* row;
  float factor;
  Index n;

  /// The elements from x on, and zeros behind them.
  CREST_INLINE Vec operator()(Index x) const { return load_first(row + x, n - x) * broadcast(factor); }
};

/// Calls f(QueryRow).
template <class T, class F>
CREST_INLINE void with_query(const Problem<T>& p, Index head, Index query, float factor, F&& f) {
  with_type(p.q.element(), p.q.row(head, query), [&]<class U>(const U* row) {
    f(QueryRow<U>{row, factor, p.head_dim()});
  });
}

/// Loads the queries of the heads from `first_head` on at `query`, times a factor, and clears the group.
template <class T, int HT>
void start(const Group<HT>& g, const Problem<T>& p, Index first_head, Index query, float factor) {
  constexpr Index W = Vec::width;
  for (Index x = 0; x < g.shape.padded_heads() * g.shape.q_pitch(); x += W) store(g.q + x, zero());
  for (Index h = 0; h < g.shape.heads; ++h) {
    float* to = g.q + h / HT * HT * g.shape.q_pitch() + h % HT * W;
    with_query(p, first_head + h, query, factor, [&](auto&& at) {
      for (Index x = 0; x < g.shape.head_dim; x += W) store(to + x * HT, at(x));
    });
  }
  g.clear();
}
template <class T, int HT>
void start(const Group<HT>& g, const Problem<T>& p, Index first_head, Index query) {
  start(g, p, first_head, query, score_factor(p));
}

/// Counts the sink logits of the group: keys of value zero that every query sees first. Call it before any other key is
/// weighed.
template <class T, int HT, class Softmax>
void add_sinks(const Group<HT>& g, const Problem<T>& p, Index first_head, const Softmax& softmax) {
  for (Index h = 0; h < g.shape.heads && !p.logits.sinks.empty(); ++h) {
    const float sink = p.logits.sinks[static_cast<std::size_t>(first_head + h)] * log2_e;
    const TileState<HT> s = g.tile_state(h / HT);
    const int head = static_cast<int>(h % HT);
    if (!(sink <= s.limit[head])) s.refer(head, sink, softmax);
    s.folded[head] += weight<Softmax>(sink - s.reference[head]);
  }
}

// Scores of a block: operator()(block, coming, tile, w, meanwhile) writes w[key * HT + head] in log2 units, and calls
// meanwhile(share) for every share of other work; scale_values() may change the weights between the softmax and the
// values, for rows whose values carry a factor.

/// Multiplies what belongs to a key by the key's scale, where its elements need one.
template <class T, int HT>
CREST_INLINE void scale_keys(const Block<T, HT>& block, const float* scale, float* w) {
  if constexpr (is_scaled<T>) CREST_UNROLL for (int i = 0; i < block.keys * HT; ++i) w[i] *= scale[i / HT];
}

/// The dot products alone.
template <int HT>
struct DotProducts {
  const Group<HT>& g;

  template <class T, class Coming, class F>
  CREST_INLINE void operator()(const Block<T, HT>& block, const Coming& coming, Index t, float* w,
                               F&& meanwhile) const {
    score_block<HT>(block, coming.k, g.tile_q(t), g.shape.head_dim, w, meanwhile);
  }
};

/// Scores computed from the rows: the exact dot products, changed as the call asks.
template <int HT>
struct RowScores {
  const Group<HT>& g;
  const Logits& logits;

  template <class T, class Coming, class F>
  CREST_INLINE void operator()(const Block<T, HT>& block, const Coming& coming, Index t, float* w,
                               F&& meanwhile) const {
    score_block<HT>(block, coming.k, g.tile_q(t), g.shape.head_dim, w, meanwhile);
    change(block, t, w);
  }
  /// From dot products to scores.
  template <class T>
  CREST_INLINE void change(const Block<T, HT>& block, Index t, float* w) const {
    scale_keys(block, block.k_scale, w);
    logits.apply<Block<T, HT>::keys, HT>(block.key, t, w);
  }
  template <class T>
  CREST_INLINE void scale_values(const Block<T, HT>& block, float* w) const {
    scale_keys(block, block.v_scale, w);
  }
};

/// Scores that are known already. Only V is read.
template <int HT>
struct KnownScores {
  const ScoreRows& rows;

  template <class T, class Coming, class F>
  CREST_INLINE void operator()(const Block<T, HT>& block, const Coming&, Index t, float* w, F&& meanwhile) const {
    meanwhile(Share{0, 1});
    for (int i = 0; i < block.keys; ++i) std::memcpy(w + i * HT, rows.row(block.key[i]) + t * HT, HT * sizeof(float));
  }
  template <class T>
  CREST_INLINE void scale_values(const Block<T, HT>& block, float* w) const {
    scale_keys(block, block.v_scale, w);
  }
};

/// Softmax-weighted values of all keys of a stream, added to the group. Returns how often a reference moved.
///
/// The values of a block are added while the next block is scored: turning scores into weights is one long chain of
/// dependent instructions, and what is independent of it must stand close by to fill the gap.
template <class T, int HT, class Stream, class Scores, class Softmax>
Index attend(const Group<HT>& g, const Stream& stream, const Scores& scores, const Softmax& softmax) {
  using Unit = Weighed<T, HT, decltype(Stream::Coming::v)>;
  constexpr int keys = block_keys<HT, T>, fold_every = 256 / keys;
  const Index tiles = g.shape.tiles(), value_dim = g.shape.value_dim;
  BlockRing<T, HT, Stream> ring;
  Unit units[2];
  unsigned now = 0;
  int since_fold = 0;
  Index moved = 0;
  // Inlined by force: what is prefetched then needs no registers of its own.
  const auto work = [&](const Block<T, HT>& block, const auto& coming) __attribute__((always_inline)) {
    for (Index t = 0; t < tiles; ++t, now ^= 1) {
      Unit &unit = units[now], &before = units[now ^ 1];
      scores(block, coming, t, unit.w, [&](Share share) {
        if (before.block) accumulate_block(before, value_dim, share);
      });
      unit.block = any_weighs<Softmax, keys>(unit.w, g.tile_state(t)) ? &block : nullptr;
      unit.ahead = coming.v;
      unit.o = g.tile_run(t);
      if (!unit.block) continue;
      const Accumulated<HT> old{g.tile_o(t), unit.o, g.tile_outputs()};
      moved += weigh_block<keys>(unit.w, block.count, g.tile_state(t), softmax, old);
      scores.scale_values(block, unit.w);
    }
    if (++since_fold % fold_every == 0) g.fold();
  };
  for_each_block(ring, stream, work);
  if (units[now ^ 1].block) accumulate_block(units[now ^ 1], value_dim, Share{0, 1});
  g.fold();
  return moved;
}

/// A finished row before it is written.
struct RowResult {
  const float* o;  ///< [value_dim / W] vectors, `pitch` floats apart, unnormalised
  Index pitch;
  float reference;  ///< log2 units
  float sum;
  bool hidden;  ///< no key was visible, or all may have been hidden: then a sum of 0 is a sum over nothing
};

/// Writes one row: o = accumulated / sum, lse.
template <class T>
void write_row(const Problem<T>& p, Index head, Index query, const RowResult& row) {
  constexpr Index W = Vec::width;
  const bool empty = row.hidden && row.sum == 0;
  const Vec share = broadcast(empty ? 0.0f : 1.0f / row.sum);
  with_type(p.o.element(), p.o.row(head, query), [&, from = row.o, n = p.value_dim(), pitch = row.pitch](auto* out) {
    for (Index x = 0; x < n; x += W) store_first(out + x, load(from + x / W * pitch) * share, n - x);
  });
  if (!p.lse.data_handle()) return;
  const float infinity = std::numeric_limits<float>::infinity();
  const float lse = empty ? -infinity : (row.reference + std::log2(row.sum)) * ln_2;
  std::memcpy(p.lse.address(head, query), &lse, sizeof lse);
}

template <class T>
void write_error(const Problem<T>& p, Index head, Index query, float error) {
  if (p.error.data_handle()) std::memcpy(p.error.address(head, query), &error, sizeof error);
}

/// The largest error that rows may tell and stay as they are. A target of 0 lets all pass that tell a number.
CREST_INLINE float most_error(float target) { return target > 0 ? target : std::numeric_limits<float>::max(); }

/// Writes all rows of a finished group.
template <class T, int HT>
void write_group(const Group<HT>& g, const Problem<T>& p, Index first_head, Index query, bool hidden) {
  for (Index h = 0; h < g.shape.heads; ++h)
    write_row(p, first_head + h, query,
              {g.tile_o(h / HT) + h % HT * Vec::width, HT * Vec::width, g.reference(h), g.sum(h), hidden});
}
