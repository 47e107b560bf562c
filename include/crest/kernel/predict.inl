// The predicted error of a drawn row, from the sample itself.
//
//   S = sum over drawn keys of A^2 (1 - p) |v - o|^2     variance of the ratio, linearised; A = w / (p * whole sum)
//   R = sum of A^2 (D step_v^2 / 12 + (|q| step_k scale)^2 / 12 |v - o|^2)     rounding of 8-bit rows
//   error = sqrt(S (1 + 5 / n_e) + R) / |o|,  n_e = (sum A^2 (1 - p))^2 / sum of their squares
//
// |v - o|^2 is measured on at most 32 of the drawn keys, weighted alike. Horvitz and Thompson 1952; n_e: Kish 1965.

/// Sums over drawn keys, for the heads of a tile.
template <int HT>
struct Spread {
  float a[HT] = {}, a_square[HT] = {}, k_rounding[HT] = {}, v_rounding[HT] = {};
  float distance[HT] = {}, probed[HT] = {};  ///< sums of a |v - o|^2 and of a over the probed keys
};

/// Squared weights of one drawn key: A for each head of tile t, and 1 - p.
template <class T, int HT>
CREST_INLINE float squared_weights(const Guide<T, HT>& a, Index j, Index t, float (&square)[HT]) {
  const float* score = a.space.estimate(j / a.space.all, t * HT) + j % a.space.all;
  for (int h = 0; h < HT; ++h) {
    const Index head = std::min<Index>(t * HT + h, a.shape.group.heads - 1);
    square[h] = 2 * (score[h * a.space.all] - a.lse[head]);
  }
  return 1 - std::exp2(std::min(0.0f, a.space.draws[j] + a.inclusion.log_scale));
}

/// Adds up a Spread, some keys at a time: lanes are [key][head].
template <class T, int HT>
class SpreadSum {
 public:
  SpreadSum(const Guide<T, HT>& a, Index t) : a_(a), t_(t), rounds_(a.byte_rows()) {
    for (int i = 0; i < lanes; ++i) lse_[i] = a.lse[std::min<Index>(t * HT + i % HT, a.shape.group.heads - 1)];
    for (Vec& v : sum_) v = zero();
  }
  CREST_INLINE void add(Index j) {
    const Index b = j / a_.space.all;
    const float* score = a_.space.estimate(b, t_ * HT) + j % a_.space.all;
    const float log_p = a_.space.draws[j] + a_.inclusion.log_scale;
    CREST_UNROLL for (int h = 0; h < HT; ++h) score_[at_ + h] = score[h * a_.space.all], log_p_[at_ + h] = log_p;
    if (rounds_)
      CREST_UNROLL for (int h = 0; h < HT; ++h) k_[at_ + h] = a_.steps[2 * b], v_[at_ + h] = a_.steps[2 * b + 1];
    at_ += HT;
    if (at_ == all) flush();
  }
  Spread<HT> total() {
    if (at_ > 0) flush();
    Spread<HT> s;
    float* const to[4] = {s.a, s.a_square, s.k_rounding, s.v_rounding};
    for (int i = 0; i < 4 * vectors; ++i) {
      float part[Vec::width];
      store(part, sum_[i]);
      for (int l = 0; l < Vec::width; ++l) to[i / vectors][(i % vectors * Vec::width + l) % HT] += part[l];
    }
    return s;
  }

 private:
  static constexpr int vectors = TileState<HT>::vectors, lanes = TileState<HT>::lanes;
  static constexpr int all = 4 * lanes;  ///< a vector that is loaded right behind its last float waits for that

  void flush() {
    for (; at_ < all; ++at_) score_[at_] = -std::numeric_limits<float>::infinity(), log_p_[at_] = k_[at_] = v_[at_] = 0;
    at_ = 0;
    for (int j = 0; j < all / Vec::width; ++j) {
      const int i = j % vectors;
      const auto lane = [&](const float* x) { return load(x + j * Vec::width); };
      const Vec log_weight = lane(score_) - load(lse_ + i * Vec::width), square = exp2(log_weight + log_weight);
      const Vec x = square * (broadcast(1.0f) - exp2(min(zero(), lane(log_p_))));
      sum_[i] = sum_[i] + x;
      sum_[vectors + i] = fma(x, x, sum_[vectors + i]);
      if (!rounds_) continue;
      const Vec k = lane(k_), v = lane(v_);
      sum_[2 * vectors + i] = fma(square, k * k, sum_[2 * vectors + i]);
      sum_[3 * vectors + i] = fma(square, v * v, sum_[3 * vectors + i]);
    }
  }

  const Guide<T, HT>& a_;
  Index t_;
  bool rounds_;  ///< rows are rounded, by steps k_ and v_
  alignas(64) float score_[all], log_p_[all], k_[all], v_[all], lse_[lanes];
  Vec sum_[4 * vectors];
  int at_ = 0;
};

/// Lanes of the squared length of a row.
template <class T>
Vec squares(const T* row, Index n) {
  Vec sum = zero();
  for (Index x = 0; x < n; x += Vec::width) {
    const Vec part = load_at(row, x, n - x);
    sum = fma(part, part, sum);
  }
  return sum;
}
/// Squared length of a row.
template <class T>
float squared_length(const T* row, Index n) {
  return lane_sum(squares(row, n));
}

/// Distances of probed values to the output. `rows` holds the values in the place of keys; `output` the heads' outputs
/// side by side; `scale(j)` is the step of a value.
template <class U, class T, int HT, class Scale>
void add_distances(const Guide<T, HT>& a, Index t, const KvRows<U>& rows, Scale scale, Spread<HT>& s) {
  constexpr float least_weight =
      1e-6f;  // certain keys count where there are no others: their rounding needs a distance
  float own[HT];
  for (int h = 0; h < HT; ++h) own[h] = a.length_of_output(t * HT + h);
  BlockRing<U, HT, SetStream<U, HT>> ring;
  for_each_block(ring, SetStream<U, HT>(rows, a.probe), [&](const Block<U, HT>& block, const auto& coming) {
    alignas(64) float along[block_keys<HT, U> * HT];
    score_block<HT>(block, coming.k, a.drawn.tile_run(t), rows.head_dim, along);
    for (int i = 0; i < block.count; ++i) {
      const Index j = block.key[i];
      const float step = scale(j), length = squared_length(block.k[i], rows.head_dim) * step * step;
      float square[HT];
      const float rest = squared_weights(a, j, t, square);
      for (int h = 0; h < HT; ++h) {
        const float x = std::exp2(square[h]) * (rest + least_weight), total = a.drawn.sum(t * HT + h);
        const float distance = length - 2 * along[i * HT + h] * step / total + own[h];
        s.distance[h] += x * std::max(0.0f, distance);
        s.probed[h] += x;
      }
    }
  });
}

inline constexpr Index enough_probes = 32;

/// Bytes that predict() will read.
template <class T, int HT>
std::uint64_t probe_bytes(const Guide<T, HT>& a) {
  const Index dim = a.shape.group.value_dim;
  return enough_probes * (a.byte_rows() ? scattered_bytes<i8>(dim) : scattered_value_bytes(a.c.p));
}

/// Picks about 32 of the drawn keys that were not certain; of all drawn keys where most were.
template <class T, int HT>
void pick_probe(Guide<T, HT>& a) {
  const bool any = a.inclusion.sampled < enough_probes;
  const Index from = any ? a.taken.count() : static_cast<Index>(a.inclusion.sampled);
  const Index step = std::max<Index>(1, from / enough_probes);
  const float certain = any ? std::numeric_limits<float>::infinity() : -a.inclusion.log_scale;
  Index skip = 0;
  a.probe.clear();
  a.space.each([&](Index b, KeySet::Word) {
    if (a.taken.word(b) == 0) return;
    KeySet::Word some = a.taken.word(b) & ~heavy_keys(a.space, b, certain);
    for (; std::popcount(some) > skip; skip = step - 1) {
      for (; skip > 0; --skip) some &= some - 1;
      a.probe.word(b) |= some & -some;
      some &= some - 1;
    }
    skip -= std::popcount(some);
  });
}

/// Root mean square of score minus estimate over the keys drawn first, nats, above which a sketch is too coarse to know
/// which keys it has missed: the heaviest of those would be neither drawn nor suspected.
inline constexpr float noise_limit = 2.6f;

/// The formula above for one head; infinite where the sample cannot know its error.
template <class T, int HT>
float row_error(const Guide<T, HT>& a, const Spread<HT>& s, Index head) {
  const Index h = head % HT;
  const float distance = s.probed[h] > 0 ? s.distance[h] / s.probed[h] : 0;
  const float score_step = a.query.norm[head] * ln_2;  // nats per unit of K
  const float rounding = (static_cast<float>(a.shape.group.value_dim) * s.v_rounding[h] +
                          score_step * score_step * s.k_rounding[h] * distance) /
                         12;
  if (a.noise[head] * ln_2 * ln_2 > noise_limit * noise_limit) return std::numeric_limits<float>::infinity();
  const float length = a.length_of_output(head),
              error = std::sqrt((s.a[h] * distance * a.few[head] + rounding) / length);
  return length > 0 && std::isfinite(length) ? error : std::numeric_limits<float>::infinity();
}

/// Rows that would bring every head's predicted error to `target`, by the sample in hand: the variance that larger
/// scales c would leave is summed over the same keys, sum of A^2 p (1 / p' - 1), for 2^(1/16), 2^(2/16) .. 2^8 times c
/// at once.
template <class T, int HT>
float rows_needed(const Guide<T, HT>& a, float target) {
  constexpr int steps = 128, octave = 16, vectors = steps / Vec::width;
  const Index worst = std::max_element(a.error, a.error + a.shape.group.heads) - a.error;
  alignas(64) float shrink[steps], then[steps];
  Vec sums[vectors];
  for (int i = 0; i < steps; ++i) shrink[i] = std::exp2(static_cast<float>(-1 - i) / octave);
  for (Vec& sum : sums) sum = zero();
  float now = 0;
  for (Index j : a.taken) {
    float square[HT];
    const float p = 1 - squared_weights(a, j, worst / HT, square);
    if (p >= 1) continue;
    const float weight = std::exp2(square[worst % HT]) * p;
    now += weight * (1 / p - 1);
    for (int v = 0; v < vectors; ++v) {
      const Vec more = load(shrink + v * Vec::width) * broadcast(1 / p);
      sums[v] = fma(broadcast(weight), max(broadcast(1.0f), more) - broadcast(1.0f), sums[v]);
    }
  }
  for (int v = 0; v < vectors; ++v) store(then + v * Vec::width, sums[v]);
  const float wanted = target * target / (a.error[worst] * a.error[worst]) * now * a.few[worst];
  int i = 0;  // a larger sample is less dominated by single keys
  while (i + 1 < steps && !(then[i] * (1 + (a.few[worst] - 1) * shrink[i]) <= wanted)) ++i;
  return a.inclusion.expected + a.inclusion.sampled * (1 / shrink[i] - 1);
}

/// Writes a.error[head] for all heads.
template <class T, int HT>
void predict(Guide<T, HT>& a) {
  const GroupShape& g = a.shape.group;
  pick_probe(a);
  for (Index h = 0; h < g.heads; ++h) a.lse[h] = a.drawn.log_total(h);
  const Index pitch = a.sketch.row_pitch(), dim = g.value_dim;
  const PerKey<i8> byte_values{a.sketch.rows + g.head_dim, pitch};
  const KvRows<i8> bytes{byte_values, byte_values, dim, dim};
  const KvRows<T> values = a.rows.values();
  for (Index t = 0; t < g.tiles(); ++t) {
    SpreadSum<T, HT> sum(a, t);
    for (Index j : a.taken) sum.add(j);
    Spread<HT> s = sum.total();
    if (a.byte_rows())
      add_distances(
          a, t, bytes, [&](Index j) { return a.steps[j / a.space.all * 2 + 1]; }, s);
    else
      add_distances(
          a, t, values, [&](Index j) { return a.rows.value_scale(j); }, s);
    for (int h = 0; h < HT && t * HT + h < g.heads; ++h) {
      a.few[t * HT + h] = s.a[h] > 0 ? 1 + 5 * s.a_square[h] / (s.a[h] * s.a[h]) : 1;
      a.error[t * HT + h] = row_error(a, s, t * HT + h);
    }
  }
  a.bytes += static_cast<std::uint64_t>(a.probe.count()) * probe_bytes(a) / enough_probes;
}
