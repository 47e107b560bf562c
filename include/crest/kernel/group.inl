// A GQA group at one query: the loop every recipe ends in.
//
// Per block of 8 keys (f16, head_dim d, group of 4): read 8 * 2d bytes of K and as many of V, once for all heads of the
// group. While a block is scored its V rows are prefetched, while its values are accumulated the next block's K rows
// are: two steady streams. Nothing else moves: q, the accumulators (4 * 4d bytes) and 32 weights stay in L1. At d = 128
// that is 64 FMA, 32 conversions and 4 exp per key and group of 4 against 512 bytes from memory.

/// The rows of one group at one query, in a thread's workspace.
template <int HT>
struct Group {
  GroupShape shape;
  float* q;      ///< [padded_heads][q_pitch], times scale and log2(e), zero-padded
  float* o;      ///< [padded_heads][o_pitch], unnormalised
  float* state;  ///< [tiles] TileState

  CREST_INLINE Group(const GroupShape& s, float* floats)
      : shape(s), q(floats), o(q + s.padded_heads() * s.q_pitch()), state(o + s.padded_heads() * s.o_pitch()) {}

  CREST_INLINE TileState<HT> tile_state(Index t) const { return TileState<HT>(state + t * GroupShape::state_floats); }
  CREST_INLINE const float* tile_q(Index t) const { return q + t * HT * shape.q_pitch(); }
  CREST_INLINE float* tile_o(Index t) const { return o + t * HT * shape.o_pitch(); }
  CREST_INLINE float reference(Index head) const { return tile_state(head / HT).reference[head % HT]; }
  CREST_INLINE float sum(Index head) const { return tile_state(head / HT).total(static_cast<int>(head % HT)); }

  /// Forgets every key.
  void clear() const {
    for (Index x = 0; x < shape.padded_heads() * shape.o_pitch(); x += Vec::width) store(o + x, zero());
    for (Index t = 0; t < shape.tiles(); ++t) tile_state(t).clear();
  }
};

/// Loads the queries of KV head `kv_head` at `query` and clears the group.
template <class T, int HT>
void start(const Group<HT>& g, const Problem<T>& p, Index kv_head, Index query) {
  const float scale = p.scale != 0 ? p.scale : 1.0f / std::sqrt(static_cast<float>(p.head_dim()));
  const Index pitch = g.shape.q_pitch();
  for (Index x = 0; x < g.shape.padded_heads() * pitch; x += Vec::width) store(g.q + x, zero());
  for (Index h = 0; h < g.shape.heads; ++h) {
    float* row = g.q + h * pitch;
    std::memcpy(row, &p.q(kv_head * g.shape.heads + h, query, 0), g.shape.head_dim * sizeof(float));
    for (Index x = 0; x < pitch; x += Vec::width) store(row + x, load(row + x) * broadcast(scale * log2_e));
  }
  g.clear();
}

/// Scores computed from the rows: the exact dot products. V is prefetched meanwhile, then the next block's K.
template <int HT>
struct RowScores {
  const Group<HT>& g;

  template <class T>
  CREST_INLINE void operator()(const Block<T, HT>& block, const Block<T, HT>&, Index t, float* w) const {
    score_block<HT>(block, block.v, g.tile_q(t), g.shape.q_pitch(), g.shape.head_dim, w);
  }
  template <class T>
  CREST_INLINE const T* const* ahead(const Block<T, HT>& next) const {
    return next.k;
  }
};

/// Scores that are known already: [key][pitch], log2 units. Only V is read.
template <int HT>
struct KnownScores {
  const float* scores;
  Index pitch;

  template <class T>
  CREST_INLINE void operator()(const Block<T, HT>& block, const Block<T, HT>&, Index t, float* w) const {
    for (int i = 0; i < block_keys<HT>; ++i)
      std::memcpy(w + i * HT, scores + block.key[i] * pitch + t * HT, HT * sizeof(float));
  }
  template <class T>
  CREST_INLINE const T* const* ahead(const Block<T, HT>& next) const {
    return next.v;
  }
};

/// Softmax-weighted values of all keys of a stream, added to the group. Returns how often a reference moved.
template <class T, int HT, class Stream, class Scores, class Softmax>
Index attend(const Group<HT>& g, const Stream& stream, const Scores& scores, const Softmax& softmax) {
  const GroupShape& s = g.shape;
  Index moved = 0;
  for_each_block<T, HT>(stream, [&](const Block<T, HT>& block, const Block<T, HT>& next) {
    for (Index t = 0; t < s.tiles(); ++t) {
      alignas(64) float w[block_keys<HT> * HT];
      scores(block, next, t, w);
      moved += weigh_block<HT>(w, block.count, g.tile_state(t), softmax, g.tile_o(t), s.o_pitch());
      accumulate_block<HT>(block, scores.ahead(next), w, s.value_dim, g.tile_o(t), s.o_pitch());
    }
  });
  return moved;
}

/// A finished row before it is written.
struct RowResult {
  const float* o;   ///< [value_dim], unnormalised
  float reference;  ///< log2 units
  float sum;
  bool empty;  ///< no key was visible
};

/// Writes one row: o = accumulated / sum, lse.
template <class T>
void write_row(const Problem<T>& p, Index head, Index query, const RowResult& row) {
  float* out = &p.o(head, query, 0);
  const float share = row.empty ? 0.0f : 1.0f / row.sum;
  for (Index x = 0; x < p.value_dim(); ++x) {
    const float y = row.o[x] * share;
    std::memcpy(out + x, &y, sizeof y);
  }
  if (!p.lse.data_handle()) return;
  const float infinity = std::numeric_limits<float>::infinity();
  const float lse = row.empty ? -infinity : (row.reference + std::log2(row.sum)) * ln_2;
  std::memcpy(&p.lse(head, query), &lse, sizeof lse);
}

template <class T>
void write_error(const Problem<T>& p, Index head, Index query, float error) {
  if (p.error.data_handle()) std::memcpy(&p.error(head, query), &error, sizeof error);
}

/// Writes all rows of a finished group.
template <class T, int HT>
void write_group(const Group<HT>& g, const Problem<T>& p, Index kv_head, Index query, bool empty) {
  for (Index h = 0; h < g.shape.heads; ++h)
    write_row(p, kv_head * g.shape.heads + h, query,
              {g.o + h * g.shape.o_pitch(), g.reference(h), g.sum(h), empty});
}
