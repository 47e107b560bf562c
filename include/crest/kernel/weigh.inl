// Softmax weights against a reference that hardly ever moves.
//
// The state of a tile of HT heads is kept in lanes: lane i belongs to head i % HT, as in the score vectors. Scores and
// references are in log2 units; the sum of weights keeps one partial sum per lane.

inline constexpr float log2_e = 1.44269504088896340736f, ln_2 = 0.69314718055994530942f;
/// Reference before the first score: below every score but -inf, and finite, so that scores of -inf weigh 0.
inline constexpr float unset = std::numeric_limits<float>::lowest();

/// Weight of a score that lies `x` above the reference. P: the softmax policy, or a recipe that has it.
template <class P>
CREST_INLINE float weight(float x) {
  if constexpr (Uniform<P>) return x >= 0 ? 1.0f : 0.0f;
  return std::exp2(x);
}
template <class P>
CREST_INLINE Vec weight(Vec x) {
  constexpr float most = std::numeric_limits<float>::max();
  if constexpr (Uniform<P>) x = min(zero(), x) * broadcast(most) * broadcast(most);  // 0, or far below
  return exp2(x);
}

/// Puts `with` in the lanes of a block that `word` does not hold.
CREST_INLINE void hide(float* lanes, KeySet::Word word, float with) {
  constexpr KeySet::Word all = ~KeySet::Word{0} >> (64 - Vec::width);
  for (KeySet::Word hidden = ~word; hidden != 0; hidden >>= Vec::width, lanes += Vec::width) {
    if ((hidden & all) == all)
      store(lanes, broadcast(with));
    else
      for (KeySet::Word some = hidden & all; some != 0; some &= some - 1) lanes[std::countr_zero(some)] = with;
  }
}

template <int HT>
struct TileState {
  static constexpr int lanes = HT > Vec::width ? HT : Vec::width, vectors = lanes / Vec::width;
  float* reference;  ///< [lanes], log2 units
  float* limit;      ///< [lanes], the highest score that may be weighed against it
  float* sum;        ///< [lanes], weights added since the last fold()
  float* folded;     ///< [lanes], weights before that

  CREST_INLINE explicit TileState(float* floats)
      : reference(floats),
        limit(floats + GroupShape::pad),
        sum(floats + 2 * GroupShape::pad),
        folded(floats + 3 * GroupShape::pad) {}

  /// Combines the lanes of every head, pair by pair, in the first of them: [head].
  template <class F>
  CREST_INLINE static void combine(float* x, F&& f) {
    for (int n = lanes / 2; n >= HT; n /= 2)
      for (int i = 0; i < n; ++i) x[i] = f(x[i], x[i + n]);
  }
  void clear() const {
    for (int i = 0; i < lanes; ++i) reference[i] = limit[i] = unset, sum[i] = folded[i] = 0;
  }
  void fold() const {
    for (int i = 0; i < lanes; ++i) folded[i] += sum[i], sum[i] = 0;
  }
  void rescale(int head, float factor) const {
    for (int i = head; i < lanes; i += HT) sum[i] *= factor, folded[i] *= factor;
  }
  /// Sets a head's reference for the highest score known, log2 units. Only the policy's offsets are converted from
  /// nats: scores of any size stay exact.
  template <class Softmax>
  void refer(int head, float peak, const Softmax& softmax) const {
    const float nats = peak * ln_2, chosen = softmax.reference(nats);
    float at = peak + (chosen - nats) * log2_e;
    if constexpr (Uniform<Softmax>) at = std::min(at, peak);  // rounding must not leave out the peak itself
    const float most = at + (static_cast<float>(softmax.limit(chosen)) - chosen) * log2_e;
    if constexpr (HT == 1)
      store(reference, broadcast(at)), store(limit, broadcast(most));
    else
      for (int i = head; i < lanes; i += HT) reference[i] = at, limit[i] = most;
  }
  /// Forgets the weights, and refers to the peaks that Peak found.
  template <class Softmax>
  void restart(const Softmax& softmax) const {
    for (int head = 0; head < HT; ++head)
      if (reference[head] > unset) refer(head, reference[head], softmax);
    for (int i = 0; i < lanes; ++i) sum[i] = folded[i] = 0;
  }
  /// Makes a head's state what another computation found.
  void set(Index head, float log2_reference, float weight) const {
    for (Index i = head; i < lanes; i += HT) reference[i] = limit[i] = log2_reference, sum[i] = folded[i] = 0;
    folded[head] = weight;
  }
  /// Sum of a head's weights, after fold().
  float total(int head) const {
    float sums[lanes];
    std::copy_n(folded, lanes, sums);
    combine(sums, [](float a, float b) { return a + b; });
    return sums[head];
  }
  /// Whether any key weighs, for any head.
  bool weighs() const {
    const Vec least = broadcast(std::numeric_limits<float>::denorm_min());
    bool any = false;
    for (int i = 0; i < lanes; i += Vec::width)
      any |= any_not_less(load(sum + i), least) || any_not_less(load(folded + i), least);
    return any;
  }
};

/// What a tile has accumulated against its reference, to be rescaled when that moves.
template <int HT>
struct Accumulated {
  float* o;
  float* run;
  Index outputs;  ///< floats of each

  void rescale(int head, float factor) const {
    for (Index x = head * Vec::width; x < outputs; x += HT * Vec::width) {
      store(o + x, load(o + x) * broadcast(factor));
      store(run + x, load(run + x) * broadcast(factor));
    }
  }
};

/// Moves the reference of every head that has a score above its limit, and rescales what it has accumulated.
/// Returns how many moved that had been set before. peaks: the highest score of every lane, where a
/// NaN may be kept or not, since its head is NaN in any case; is overwritten.
template <int HT, class Softmax>
[[gnu::noinline]] Index move_references(float* peaks, const TileState<HT>& s, const Softmax& softmax,
                                        const Accumulated<HT>& old) {
  if constexpr (HT == 1)
    peaks[0] = lane_max(load(peaks));
  else
    s.combine(peaks, [](float a, float b) { return std::max(a, b); });
  const bool weighs = s.weighs();
  Index moved = 0;
  for (int head = 0; head < HT; ++head) {
    const float peak = peaks[head];
    if (!(peak > s.limit[head])) continue;
    const float before = s.reference[head];
    s.refer(head, peak, softmax);
    moved += before > unset;
    if (!weighs) continue;
    const float factor = weight<Softmax>(before - s.reference[head]);
    s.rescale(head, factor);
    old.rescale(head, factor);
  }
  return moved;
}

/// Whether a key of a block may weigh anything. With equal weights most blocks do not, and end here.
template <class Softmax, int KEYS, int HT>
CREST_INLINE bool any_weighs(const float* scores, const TileState<HT>& s) {
  if constexpr (!Uniform<Softmax>) return true;
  bool any = false;
  CREST_UNROLL for (int i = 0; i < KEYS * HT; i += Vec::width) any |=
      any_not_less(load(scores + i), load(s.reference + i % TileState<HT>::lanes));
  return any;
}

/// Scores and weights that stay as they are.
struct AsTheyAre {
  CREST_INLINE Vec score(Vec x) const { return x; }
  CREST_INLINE Vec above(Vec x, Vec reference) const { return x - reference; }
  template <class Softmax>
  CREST_INLINE Vec weigh(Vec above) const {
    return weight<Softmax>(above);
  }
  /// Is called once for each vector of a block whose scores are at w, in order: x[0..i] are weights.
  CREST_INLINE void keep(float* w, int i, const Vec* x, Vec& sum) const {
    sum = sum + x[i];
    store(w + i * Vec::width, x[i]);
  }
};

/// Turns the scores of a block into weights, which `weigher` keeps and adds to the sums. Keys past `count` get weight
/// 0.
template <int KEYS, int HT, class Softmax, class Weigher = const AsTheyAre>
CREST_INLINE Index weigh_block(float* w, int count, const TileState<HT>& s, const Softmax& softmax,
                               const Accumulated<HT>& old, Weigher&& weigher = {}) {
  constexpr int W = Vec::width, V = TileState<HT>::vectors, all = KEYS * HT;
  for (int i = count * HT; i < all; ++i) w[i] = -std::numeric_limits<float>::infinity();
  Vec x[all / W], most[V];
  CREST_UNROLL for (int v = 0; v < V; ++v) x[v] = most[v] = load(w + v * W);
  CREST_UNROLL for (int i = V; i < all / W; ++i) {
    x[i] = load(w + i * W);
    most[i % V] = max(most[i % V], x[i]);
  }
  bool over = false;
  CREST_UNROLL for (int v = 0; v < V; ++v) {
    most[v] = weigher.score(most[v]);
    over |= any_greater(most[v], load(s.limit + v * W));
  }
  Index moved = 0;
  if (over) [[unlikely]] {
    float peaks[TileState<HT>::lanes];
    CREST_UNROLL for (int v = 0; v < V; ++v) store(peaks + v * W, most[v]);
    moved = move_references(peaks, s, softmax, old);
  }
  Vec sum[V], reference[V];
  CREST_UNROLL for (int v = 0; v < V; ++v) sum[v] = load(s.sum + v * W), reference[v] = load(s.reference + v * W);
  CREST_UNROLL for (int i = 0; i < all / W; ++i) {
    x[i] = weigher.template weigh<Softmax>(weigher.above(x[i], reference[i % V]));
    weigher.keep(w, i, x, sum[i % V]);
  }
  CREST_UNROLL for (int v = 0; v < V; ++v) store(s.sum + v * W, sum[v]);
  return moved;
}
