// The keys that a looking recipe keeps: selected by score or by key, or drawn in proportion to their weight.

/// What choosing works on.
template <int HT, class R>
struct Choice {
  const Group<HT>& g;
  const R& recipe;
  Sight& sight;
  std::span<const KeyRange> visible;
  float* totals;  ///< scratch, [padded_heads]: sums of weights over all scored keys, where keys are drawn

  using Softmax = decltype(R::softmax);
  static constexpr bool draws = DrawSelection<decltype(R::selection)>;

  /// A key's weight for one head, as a share of the head's softmax over all scored keys.
  CREST_INLINE float share(Index key, Index head) const {
    return weight<Softmax>(sight.rows.row(key)[head] - g.reference(head)) / totals[head];
  }
};

/// Sums of weights over all scored keys, and over what the group has counted before them: sink logits.
template <int HT, class R>
void sum_weights(const Choice<HT, R>& c) {
  for (Index t = 0; t < c.g.shape.tiles(); ++t) {
    WeightSum<HT, decltype(R::softmax)> sum(c.g.tile_state(t));
    for (Index key : c.sight.scored) sum.add(c.sight.rows.row(key) + t * HT, 1);
    for (int h = 0; h < HT; ++h) c.totals[t * HT + h] = sum.total(h) + c.g.sum(t * HT + h);
  }
}

/// Draws keys; those kept already are certain. Afterwards `masses` holds probabilities.
template <int HT, class R>
void draw(const Choice<HT, R>& c, Wanted& kept) {
  sum_weights(c);
  const Masses masses(c.sight.masses, c.sight.rows.places);
  for (Index key : c.sight.scored) {
    float most = 0;
    for (Index h = 0; h < c.g.shape.heads; ++h) most = std::max(most, c.share(key, h));  // NaN falls through
    masses(key) = c.sight.kept.contains(key) ? std::numeric_limits<float>::infinity() : most;
  }
  c.recipe.selection.draw(c.sight.view(c.g.shape.heads), masses, kept);
}

/// Adds what the selection keeps to the keys that are always used.
template <int HT, class R>
void keep(const Choice<HT, R>& c) {
  Wanted always(c.sight.kept, c.visible);
  always.add_ends(c.recipe.options.keep_first, c.recipe.options.keep_last);
  if constexpr (FloorSelection<decltype(c.recipe.selection)> && !Choice<HT, R>::draws) {
    select(c.g, c.recipe.selection, c.sight, c.totals);
  } else {
    c.sight.fresh.clear();
    Wanted kept(c.sight.fresh, c.visible);
    if constexpr (Choice<HT, R>::draws)
      draw(c, kept);
    else
      c.recipe.selection.select(c.sight.view(c.g.shape.heads), kept);
    c.sight.fresh.intersect(c.sight.scored);
    c.sight.kept.unite(c.sight.fresh);
  }
}

/// Known scores of drawn keys, whose values count 1 / p.
template <int HT>
struct DrawnValues {
  KnownScores<HT> known;
  Masses probability;

  template <class T, class Coming, class F>
  CREST_INLINE void operator()(const Block<T, HT>& block, const Coming& coming, Index t, float* w,
                               F&& meanwhile) const {
    known(block, coming, t, w, meanwhile);
  }
  template <class T>
  CREST_INLINE void scale_values(const Block<T, HT>& block, float* w) const {
    known.scale_values(block, w);
    for (int i = 0; i < block.count; ++i)
      for (int h = 0; h < HT; ++h) w[i * HT + h] /= probability(block.key[i]);
  }
};

/// Reads the values of the kept keys. Returns how often a reference moved.
template <class T, int HT, class R>
Index attend_kept(const Choice<HT, R>& c, const KvRows<T>& rows, LoadedValues& values) {
  const SetStream<T, HT> kept(rows, c.sight.kept);
  const KnownScores<HT> known{c.sight.rows};
  if constexpr (!Choice<HT, R>::draws) {
    const Index moved = attend_noting<T>(c.g, kept, known, c.recipe.softmax, values);
    values.end_pass();
    return moved;
  } else {
    const DrawnValues<HT> drawn{known, Masses(c.sight.masses, c.sight.rows.places)};
    const Index moved = attend<T>(c.g, kept, drawn, c.recipe.softmax);
    for (Index h = 0; h < c.g.shape.padded_heads(); ++h)
      c.g.tile_state(h / HT).set(h % HT, c.g.reference(h), c.totals[h]);
    return moved;
  }
}

// The error of a drawn row, as in predict.inl but without a sketch: with A = share / p,
//   S = sum over drawn keys of A^2 (1 - p) |v - o|^2,  error = sqrt(S / |o|^2 + (sum of A - 1)^2)
// The second part is what the exact denominator leaves in: A adds up to 1 only on the average.

/// Squared lengths of a tile's outputs.
template <int HT>
void square_outputs(const Group<HT>& g, Index t, float (&square)[HT]) {
  const float* o = g.tile_o(t);
  for (Index x = 0; x < g.tile_outputs(); ++x) square[x / Vec::width % HT] += o[x] * o[x];
  for (int h = 0; h < HT; ++h) square[h] /= g.sum(t * HT + h) * g.sum(t * HT + h);
}

/// Adds to spread[h] the terms of S of the keys in `drawn`.
template <class T, int HT, class R>
void add_spread(const Choice<HT, R>& c, const KvRows<T>& values, Index t, const float (&own)[HT], float (&spread)[HT]) {
  const Masses probability(c.sight.masses, c.sight.rows.places);
  BlockRing<T, HT, SetStream<T, HT>> ring;
  for_each_block(ring, SetStream<T, HT>(values, c.sight.fresh), [&](const Block<T, HT>& block, const auto& coming) {
    alignas(64) float along[block_keys<HT, T> * HT];
    score_block<HT>(block, coming.k, c.g.tile_o(t), values.head_dim, along);
    for (int i = 0; i < block.count; ++i) {
      const float p = probability(block.key[i]), scale = values.value_scale(block.key[i]);
      const float length = squared_length(block.k[i], values.head_dim) * scale * scale;
      for (int h = 0; h < HT; ++h) {
        const float a = c.share(block.key[i], t * HT + h) / p;
        const float distance = length - 2 * along[i * HT + h] * scale / c.g.sum(t * HT + h) + own[h];
        spread[h] += a * a * (1 - p) * std::max(0.0f, distance);
      }
    }
  });
}

/// Adds the prediction to error[head], and the rows of V that were read again to `tally`.
template <class T, int HT, class R>
void predict_drawn(const Choice<HT, R>& c, const KvRows<T>& rows, float* error, Tally& tally) {
  const KvRows<T> values = rows.values();
  const Masses probability(c.sight.masses, c.sight.rows.places);
  c.sight.fresh.clear();
  for (Index key : c.sight.kept)
    if (probability(key) < 1) c.sight.fresh.insert(key);
  for (Index t = 0; t < c.g.shape.tiles(); ++t) {
    float own[HT] = {}, spread[HT] = {}, sum[HT] = {};
    square_outputs(c.g, t, own);
    add_spread(c, values, t, own, spread);
    for (Index key : c.sight.kept)
      for (int h = 0; h < HT; ++h) sum[h] += c.share(key, t * HT + h) / probability(key);
    for (int h = 0; h < HT; ++h) {
      const float off = sum[h] - 1, square = spread[h] > 0 ? spread[h] / own[h] : 0;
      error[t * HT + h] += std::sqrt(square + off * off);
    }
  }
  const std::uint64_t row = scattered_bytes<T>(rows.value_dim) + (is_scaled<T> ? 64 : 0);
  tally.bytes_read += row * static_cast<std::uint64_t>(c.sight.fresh.count());
}
