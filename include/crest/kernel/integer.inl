// Integer scores: a query rounded once, then k . q in integers, where the cache holds integers.
//
// With AVX-512, 32 elements of a row are a register of 16-bit integers, and one instruction multiplies and adds them,
// where floats take two conversions and two multiply-adds. Factors of a key multiply its whole sum; those of blocks
// (q8_0, q4_0) multiply the sum of each block.

/// 16-bit integers in a register.
inline constexpr Index shorts = 2 * Vec::width;

template <class T>
inline constexpr bool has_block_scale = std::is_same_v<T, q8_0> || std::is_same_v<T, q4_0>;

/// A tile's query in integers: for each register of x one per head, side by side.
template <int HT, bool Wide>
struct IntegerTile {
  const std::int16_t* q;
  const float* step;  ///< [pad]: lane i is the length of a step of head i % HT
};

/// Products of one block of every row, added up: sum[key * HT + head]. load_key(i, n): register n of the block of row
/// i; factor_of(i): its factor.
template <int HT, int ROWS, int N, bool Wide, class Sum, class LoadKey, class FactorOf>
CREST_INLINE void integer_step(LoadKey load_key, FactorOf factor_of, const std::int16_t* q, Sum* sum) {
  CREST_UNROLL for (int i = 0; i < ROWS; ++i) {
    Shorts kx[N];
    CREST_UNROLL for (int n = 0; n < N; ++n) kx[n] = load_key(i, n);
    [[maybe_unused]] Vec factor;
    if constexpr (std::is_same_v<Sum, Vec>) factor = factor_of(i);
    const auto products = [&](int h, Ints from) {
      CREST_UNROLL for (int n = 0; n < N; ++n) from = dot2<Wide>(from, kx[n], load_shorts(q + (n * HT + h) * shorts));
      return from;
    };
    CREST_UNROLL for (int h = 0; h < HT; ++h) {
      Sum& to = sum[i * HT + h];
      if constexpr (std::is_same_v<Sum, Vec>)
        to = fma(as_floats(products(h, zero_ints())), factor, to);
      else
        to = products(h, to);
    }
  }
}

/// As score_whole_rows, in integers.
template <int HT, bool Wide, class T, class Ahead, class Sum>
CREST_INLINE void integer_rows(const T* const* k, Ahead ahead, const std::int16_t* q, Index head_dim, Sum* sum) {
  constexpr int ROWS = score_rows<HT, T>;
  constexpr Index block = IntegerShape::block, line = line_elements<T>;
  const auto step = [&](Index x) {
    const auto load_key = [&](int i, int n) { return shorts_at(k[i], x + n * shorts); };
    const auto factor_of = [&](int i) { return block_scale(block_of(k[i], x)); };
    integer_step<HT, ROWS, block / shorts, Wide>(load_key, factor_of, q + x * HT, sum);
  };
  Index x = 0;
  for (; x + line <= head_dim; x += line) {
    CREST_UNROLL for (int i = 0; i < ROWS; ++i) ahead.template touch<line>(i, k[i], x);
    CREST_UNROLL for (Index u = 0; u < line; u += block) step(x + u);
  }
  for (; x + block <= head_dim; x += block) step(x);
  if constexpr (elements_in<T> == 1)
    for (; x < head_dim; x += shorts) {
      const auto load_key = [&](int i, int) { return load_shorts(k[i] + x, head_dim - x); };
      integer_step<HT, ROWS, 1, Wide>(
          load_key, [](int) { return zero(); }, q + x * HT, sum);
    }
}

CREST_INLINE Vec as_floats(Vec a) { return a; }

/// Scores of tile / HT keys: out[key * HT + head].
template <int HT, bool Wide, class T, class Ahead>
CREST_INLINE void score_keys(const T* const* k, Ahead ahead, const IntegerTile<HT, Wide>& q, Index head_dim,
                             float* out) {
  constexpr int ROWS = score_rows<HT, T>;
  std::conditional_t<has_block_scale<T>, Vec, Ints> sum[tile] = {};
  CREST_UNROLL for (int i = 0; i < tile / HT; i += ROWS)
      integer_rows<HT, Wide>(k + i, ahead.from(i), q.q, head_dim, sum + i * HT);
  Vec whole[tile];
  CREST_UNROLL for (int i = 0; i < tile; ++i) whole[i] = as_floats(sum[i]);
  CREST_UNROLL for (int i = 0; i < tile; i += Vec::width)
      store(out + i, sums(whole + i) * load(q.step + i % GroupShape::pad));
}

/// A unit's query in integers, behind its group.
template <int HT>
struct IntegerQuery {
  IntegerShape shape;
  std::int16_t* q;  ///< [tiles][dim / shorts][HT][shorts], zero-padded
  float* step;      ///< [tiles][pad]; 0 for the first head: the unit is done in floats
  float* told;      ///< [tiles][pad]: the error predicted of each head

  IntegerQuery(const GroupShape& s, float* floats)
      : shape{s},
        q(reinterpret_cast<std::int16_t*>(floats)),
        step(floats + shape.query_floats()),
        told(step + s.tiles() * GroupShape::pad) {}

  bool exact() const { return step[0] == 0; }
  template <bool Wide>
  CREST_INLINE IntegerTile<HT, Wide> tile(Index t) const {
    return {q + t * HT * shape.dim(), step + t * GroupShape::pad};
  }
  float& told_of(Index head) const { return told[head / HT * GroupShape::pad + head % HT]; }

  /// Rounds the queries of a group, and leaves there what rounding took from them.
  void round_queries(const Group<HT>& g) const {
    std::fill_n(q, shape.group.padded_heads() * shape.dim(), std::int16_t{0});
    for (Index t = 0; t < shape.group.tiles(); ++t)
      for (int h = 0; h < HT; ++h) {
        const float length = round_head(g, t, h);
        for (Index i = h; i < GroupShape::pad; i += HT) step[t * GroupShape::pad + i] = length;
      }
  }

 private:
  /// Returns the length of a step. What is not finite leaves something that is not finite.
  float round_head(const Group<HT>& g, Index t, int h) const {
    constexpr Index W = Vec::width;
    float* const from = g.q + t * HT * g.shape.q_pitch() + h * W;
    std::int16_t* const to = q + t * HT * shape.dim() + h * shorts;
    Vec most = zero();
    for (Index x = 0; x < g.shape.q_pitch(); x += W) {
      const Vec element = load(from + x * HT);
      most = max(most, max(element, zero() - element));
    }
    const float largest = lane_max(most), steps = static_cast<float>(shape.steps());
    const float step_length = largest / steps, length = step_length > 0 ? step_length : 1.0f;
    for (Index x = 0; x < g.shape.q_pitch(); x += W) {
      const Vec element = load(from + x * HT), code = round(element / broadcast(length));
      const Vec clipped = min(broadcast(steps), max(broadcast(-steps), code));
      store(from + x * HT, element - clipped * broadcast(length));
      float codes[W];
      store(codes, clipped);
      for (Index i = x; i < x + W; ++i)
        to[i / shorts * HT * shorts + i % shorts] =
            std::isnan(codes[i - x]) ? 0 : static_cast<std::int16_t>(codes[i - x]);
    }
    return length;
  }
};

/// Some of the keys a query sees, evenly spread, the first and the last among them. Returns how many.
template <std::size_t N>
Index spread_keys(std::span<const KeyRange> visible, Index n, KeyRange (&to)[N]) {
  constexpr Index most = N;
  const Index count = std::min(n, most);
  auto range = visible.begin();
  for (Index i = 0, before = 0; i < count; ++i) {
    const Index place = count > 1 ? i * (n - 1) / (count - 1) : 0;
    while (place - before >= length(*range)) before += length(*range++);
    const Index key = range->first + place - before;
    to[i] = {key, key + 1};
  }
  return count;
}

/// An error is told as this multiple of the spread that rounding gives to scores. On recorded heads
/// (docs/numerics.md) it is then 2.8 times the error on average, and no row lies beyond four times what it told.
inline constexpr float integer_error = 1.3f;

/// What rounding does to the scores of some keys: the same for all keys would change nothing. Tells each head's error.
template <class T, int HT>
void tell_errors(const TaskCall<T>& c, const Group<HT>& g, const Unit& u, const IntegerQuery<HT>& query) {
  KeyRange probes[16];
  const Visible visible(c.p, u.query);
  const Index n = spread_keys(visible.ranges(), visible.count({0, c.p.keys()}), probes);
  const KvRows<T> rows = kv_rows(c.p, c.task.kv_head);
  float mean[Bands::most] = {}, square[Bands::most] = {};
  with_stream<HT>(rows, {probes, static_cast<std::size_t>(n)}, {0, c.p.keys()}, [&](const auto& keys) {
    score_stream<T>(DotProducts<HT>{g}, keys, [&](Index key, Index head, const float* w) {
      for (int h = 0; h < HT; ++h) {
        const float moved = w[h] * ln_2 * rows.key_scale(key);
        mean[head + h] += moved / static_cast<float>(n), square[head + h] += moved * moved / static_cast<float>(n);
      }
    });
  });
  for (Index h = 0; h < g.shape.heads; ++h) {
    const float spread = square[h] - mean[h] * mean[h];
    query.told_of(h) = integer_error * std::sqrt(spread < 0 ? 0 : spread);
  }
  c.tally.bytes_read += scattered_key_bytes(c.p) * static_cast<std::uint64_t>(n);
}

/// Scores by integer products, changed as the call asks.
template <int HT, bool Wide>
struct IntegerScores {
  RowScores<HT> rows;
  const IntegerQuery<HT>& query;

  template <class T, class Coming, class F>
  CREST_INLINE void operator()(const Block<T, HT>& block, const Coming& coming, Index t, float* w,
                               F&& meanwhile) const {
    score_block<HT>(block, coming.k, query.template tile<Wide>(t), rows.g.shape.head_dim, w, meanwhile);
    rows.change(block, t, w);
  }
  template <class T>
  CREST_INLINE void scale_values(const Block<T, HT>& block, float* w) const {
    rows.scale_values(block, w);
  }
};

/// The queries of a scan, rounded unit by unit.
template <bool Wide>
struct RoundedQueries {
  float target_error;

  CREST_INLINE static constexpr Index floats(const GroupShape& s) { return IntegerShape{s}.floats(); }

  /// A group whose error would be too large keeps its queries.
  template <class T, int HT>
  void begin(const TaskCall<T>& c, const Group<HT>& g, const Unit& u, float* memory) const {
    const IntegerQuery<HT> query(g.shape, memory);
    query.round_queries(g);
    tell_errors(c, g, u, query);
    const float most = most_error(target_error);
    bool vouched = true;
    for (Index h = 0; h < g.shape.heads; ++h) vouched &= query.told_of(h) <= most;
    if (!vouched) {
      start(g, c.p, u.first_head, u.query);
      query.step[0] = 0;
      for (Index h = 0; h < g.shape.heads; ++h) query.told_of(h) = 0;
    }
    if (c.task.split > 0) return;
    c.tally.fallbacks += query.exact() ? g.shape.heads : 0;
    for (Index h = 0; h < g.shape.heads; ++h) c.tally.worst_error = std::max(c.tally.worst_error, query.told_of(h));
  }
  template <int HT, class F>
  CREST_INLINE auto with_scores(const RowScores<HT>& rows, float* memory, F&& f) const {
    const IntegerQuery<HT> query(rows.g.shape, memory);
    return query.exact() ? f(rows) : f(IntegerScores<HT, Wide>{rows, query});
  }
  template <class T, int HT>
  void finish(const TaskCall<T>& c, const Group<HT>& g, const Unit& u, float* memory) const {
    const IntegerQuery<HT> query(g.shape, memory);
    for (Index h = 0; h < g.shape.heads && c.task.split == 0; ++h)
      write_error(c.p, u.first_head + h, u.query, query.told_of(h));
  }
};
