// Drawing: from estimates to inclusion probabilities to a set of keys.
//
// Key j is kept with probability p_j = min(1, c * w_j), w_j = (largest estimated softmax weight over the group's
// heads)^0.85, by systematic sampling (Madow 1949) along 16 interleaved walks, one per lane: a walk adds up p and keeps
// the key at which the sum passes a whole number. No prefix sums, memory order, and the number of kept keys hardly
// varies. w is kept as it is, for the passes that solve for c and draw, and as its logarithm, for the weight 1 / p of a
// row that was read.

/// What drawing works on: one task's memory, seen from the estimates.
struct DrawSpace {
  Index blocks, heads, padded_heads;
  float* estimates;    ///< [blocks][padded_heads][64], log2 units; -inf for keys that are not open
  float* draws;        ///< [blocks * 64]: log2 of w, then of w with its floor
  float* weights;      ///< [blocks * 64]: w; 0 for keys that are not open
  const KeySet* open;  ///< keys that may be drawn

  static constexpr Index all = SketchView::block_keys;
  float* estimate(Index block, Index head) const { return estimates + (block * padded_heads + head) * all; }

  /// Calls f(block, word) for the blocks that hold open keys.
  template <class F>
  CREST_INLINE void each(F&& f) const {
    for (Index b = 0; b < blocks; ++b)
      if (const KeySet::Word word = open->word(b); word != 0) f(b, word);
  }
};

/// 1 where a is at least 1, else 0, for 0 <= a < 2.
CREST_INLINE Vec truncated(Vec a) { return round(a - broadcast(0.49999994f)); }

/// log2 of 2^a + 2^b.
CREST_INLINE float log2_add(float a, float b) {
  const float most = std::max(a, b);
  return most > unset ? most + std::log2(std::exp2(a - most) + std::exp2(b - most)) : most;
}

/// The sum of 2^estimate over keys of one head, against a reference that hardly ever moves, so that estimates are read
/// once. Good to 1e-4, far below what estimates are.
struct EstimateSum {
  static constexpr float headroom = 60;  ///< log2 units that an estimate may lie above the reference
  float reference;
  Vec sum;

  /// Adds the estimates of a block.
  CREST_INLINE void add(const float* block) {
    constexpr Index W = Vec::width;
    Vec most = load(block);
    CREST_UNROLL for (Index i = W; i < DrawSpace::all; i += W) most = max(most, load(block + i));
    if (any_greater(most, broadcast(reference + headroom))) [[unlikely]] {
      const float before = reference;
      reference = lane_max(most);
      sum = sum * exp2(broadcast(before - reference));
    }
    CREST_UNROLL for (Index i = 0; i < DrawSpace::all; i += W) sum =
        sum + exp2_in_brief(load(block + i) - broadcast(reference));
  }
};

/// logs[head] <- log2 of the sum of 2^estimate over the open keys, for the heads of a tile.
template <int HT>
void log_sums(const DrawSpace& d, Index tile, float* logs) {
  const Index first = tile * HT, heads = std::min<Index>(HT, d.heads - first);
  EstimateSum sums[HT];
  for (EstimateSum& sum : sums) sum = {unset, zero()};
  d.each([&](Index b, KeySet::Word) {
    CREST_UNROLL for (int h = 0; h < HT; ++h) if (h < heads) sums[h].add(d.estimate(b, first + h));
  });
  for (Index h = 0; h < heads; ++h) logs[first + h] = sums[h].reference + std::log2(lane_sum(sums[h].sum));
}

/// draws <- alpha * log2 of the largest estimated weight over the heads, weights <- 2^draws; returns their sum.
/// lse: [heads], log2 of the heads' whole sums.
inline float weigh_draws(const DrawSpace& d, const float* lse, float alpha) {
  Vec sum = zero();
  d.each([&](Index b, KeySet::Word) {
    for (Index i = 0; i < d.all; i += Vec::width) {
      Vec most = broadcast(-std::numeric_limits<float>::infinity());
      for (Index h = 0; h < d.heads; ++h) most = max(most, load(d.estimate(b, h) + i) - broadcast(lse[h]));
      const Vec draw = alpha > 0 ? most * broadcast(alpha) : zero();  // all alike: 0 * -inf would be NaN
      const Vec weight = exp2(draw);
      store(d.draws + b * d.all + i, draw);
      store(d.weights + b * d.all + i, weight);
      sum = sum + weight;
    }
  });
  return lane_sum(sum);
}

/// Keys of a block whose draw is at least `threshold`.
CREST_INLINE KeySet::Word heavy_keys(const DrawSpace& d, Index block, float threshold) {
  KeySet::Word heavy = 0;
  for (Index i = 0; i < d.all; i += Vec::width)
    heavy |= static_cast<KeySet::Word>(mask_not_less(load(d.draws + block * d.all + i), broadcast(threshold))) << i;
  return heavy;
}
/// Open keys whose draw is at least `threshold`.
inline Index count_heavy(const DrawSpace& d, float threshold) {
  Index count = 0;
  d.each([&](Index b, KeySet::Word) { count += std::popcount(heavy_keys(d, b, threshold)); });
  return count;
}

/// Moves the open keys whose draw is at least `threshold` to `heavy`, and lifts all others to at least `floor`.
inline void settle_draws(const DrawSpace& d, float threshold, float floor, KeySet& heavy, KeySet& open) {
  const Vec least = broadcast(std::exp2(floor));
  d.each([&](Index b, KeySet::Word word) {
    float *draws = d.draws + b * d.all, *weights = d.weights + b * d.all;
    const KeySet::Word above = heavy_keys(d, b, threshold);
    for (Index i = 0; i < d.all; i += Vec::width) {
      store(draws + i, max(broadcast(floor), load(draws + i)));
      store(weights + i, max(least, load(weights + i)));
    }
    heavy.word(b) |= above & word;
    open.word(b) = word & ~above;
    hide(draws, open.word(b), -std::numeric_limits<float>::infinity());
    hide(weights, open.word(b), 0);
  });
}

/// Makes sure that an open key is drawn.
inline void make_certain(const DrawSpace& d, Index key) { d.draws[key] = d.weights[key] = 1e30f; }

/// Inclusion probabilities and what they add up to.
struct Inclusion {
  float log_scale = 0;  ///< log2 of c
  float expected = 0;   ///< rows kept
  float sampled = 0;    ///< of these, expected from keys with p < 1
};

/// What a scale c gives: the sum of the p below 1, and how many keys are at 1. The two are summed apart: beside whole
/// ones the smallest would be lost.
struct ScaleSums {
  float below = 0, certain = 0;
};
inline ScaleSums try_scale(const DrawSpace& d, float log_scale) {
  constexpr int chains = 4;  // of additions, side by side; total() adds up as many
  const Vec c = broadcast(std::exp2(log_scale)), one = broadcast(1.0f);
  Vec below[chains], certain[chains];
  for (int i = 0; i < chains; ++i) below[i] = certain[i] = zero();
  d.each([&](Index b, KeySet::Word) {
    CREST_UNROLL for (int i = 0; i < d.all / Vec::width; ++i) {
      const Vec p = min(one, c * load(d.weights + b * d.all + i * Vec::width)), whole = truncated(p);
      certain[i % chains] = certain[i % chains] + whole;
      below[i % chains] = below[i % chains] + (p - whole);
    }
  });
  const auto total = [](const Vec* x) { return lane_sum((x[0] + x[1]) + (x[2] + x[3])); };
  return {total(below), total(certain)};
}

/// Solves sum of min(1, c * w) = rows for c: keys at 1 are certain, the others scale; three or four passes.
inline Inclusion solve_scale(const DrawSpace& d, float rows, float log_scale) {
  Inclusion best;
  for (int pass = 0; pass < 8; ++pass) {
    const ScaleSums sums = try_scale(d, log_scale);
    const float total = sums.below + sums.certain, left = rows - sums.certain;
    best = {log_scale, total, sums.below};
    if (std::abs(total - rows) <= 0.002f * rows || !(total > 0)) break;
    if (left > 0 && !(sums.below > 0)) break;  // all there is
    log_scale += left > 0 ? std::log2(left / sums.below) : std::log2(std::max(rows, 1.0f) / total);
  }
  return best;
}

/// The probability of keys to be drawn, from their weights.
struct Chance {
  Vec c;
  CREST_INLINE Vec operator()(Vec weight) const { return min(broadcast(1.0f), c * weight); }
};
CREST_INLINE Chance chance_at(float log_scale) { return {broadcast(std::exp2(log_scale))}; }

/// The probability of keys to be drawn by one more walk, apart from those before: `all` is then that of being drawn by
/// any of them, as all = before + (1 - before) * this.
struct LaterChance {
  Chance before, all;
  CREST_INLINE Vec operator()(Vec weight) const {
    const Vec b = before(weight), left = broadcast(1.0f) - b;
    return max(zero(), all(weight) - b) / max(broadcast(std::numeric_limits<float>::min()), left);
  }
};

/// Draws open keys, each with its chance. offset: uniform in [0, 1).
template <class Chances>
void draw_keys(const DrawSpace& d, const Chances& chances, float offset, KeySet& drawn) {
  constexpr Index lanes = SketchView::group_keys, W = Vec::width;
  float walk[lanes];
  for (Index l = 0; l < lanes; ++l) {
    const float start = offset + static_cast<float>(l) * 0.618034f;
    walk[l] = start - std::floor(start);
  }
  Vec sum[lanes / W];
  for (Index v = 0; v < lanes / W; ++v) sum[v] = load(walk + v * W);
  d.each([&](Index b, KeySet::Word word) {
    KeySet::Word kept = 0;
    for (Index i = 0; i < d.all; i += W) {
      Vec& walked = sum[i % lanes / W];
      walked = walked + chances(load(d.weights + b * d.all + i));
      kept |= static_cast<KeySet::Word>(mask_not_less(walked, broadcast(1.0f))) << i;
      walked = walked - truncated(walked);
    }
    drawn.word(b) |= kept & word;
  });
}

/// Keeps the open keys with the largest draws, about `rows` of them: the threshold is found by bisection.
inline void take_top(const DrawSpace& d, float rows, KeySet& drawn) {
  float low = -200, high = 0;
  for (int step = 0; step < 30; ++step) {
    const float middle = (low + high) / 2;
    (static_cast<float>(count_heavy(d, middle)) > rows ? low : high) = middle;
  }
  d.each([&](Index b, KeySet::Word word) { drawn.word(b) |= heavy_keys(d, b, high) & word; });
}
