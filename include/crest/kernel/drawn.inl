// Scores of the rows that guided draws, from the cache or from a sketch's 8-bit rows.

/// Scores of drawn rows: exact dot products, plus log2 of 1 / p. The scores are kept in the place of the estimates.
template <int HT>
struct DrawnScores {
  RowScores<HT> exact;
  const DrawSpace& d;
  float log_scale;
  float* noise;  ///< [padded_heads] sums of (score - estimate)^2 over the drawn keys, log2 units; null: not wanted

  template <class T, class Coming, class F>
  CREST_INLINE void operator()(const Block<T, HT>& block, const Coming& coming, Index t, float* w,
                               F&& meanwhile) const {
    exact(block, coming, t, w, meanwhile);
    reweigh(block, t, w);
  }
  template <class T>
  CREST_INLINE void scale_values(const Block<T, HT>& block, float* w) const {
    exact.scale_values(block, w);
  }

  template <class T>
  CREST_INLINE void reweigh(const Block<T, HT>& block, Index t, float* w) const {
    float square[HT] = {};
    for (int i = 0; i < block.count; ++i) {
      const Index j = block.key[i];
      const float log_p = std::min(0.0f, d.draws[j] + log_scale);
      float* kept = d.estimate(j / d.all, t * HT) + j % d.all;
      CREST_UNROLL for (int h = 0; h < HT; ++h) {
        const float off = w[i * HT + h] - kept[h * d.all];
        square[h] += off * off;
        kept[h * d.all] = w[i * HT + h] -= log_p;
      }
    }
    if (noise != nullptr) CREST_UNROLL for (int h = 0; h < HT; ++h) noise[t * HT + h] += square[h];
  }
};

/// The same from 8-bit rows: K is the residual to the block's mean, in steps; V is in steps.
template <int HT>
struct DrawnByteScores {
  DrawnScores<HT> drawn;
  const float* means;  ///< [blocks][padded_heads] scores of the blocks' means
  const float* steps;  ///< [blocks] {K, V}

  template <class Coming, class F>
  CREST_INLINE void operator()(const Block<i8, HT>& block, const Coming& coming, Index t, float* w,
                               F&& meanwhile) const {
    const Group<HT>& g = drawn.exact.g;
    score_block<HT>(block, coming.k, g.tile_q(t), g.shape.head_dim, w, meanwhile);
    for (int i = 0; i < block.count; ++i) {
      const Index b = block.key[i] / SketchView::block_keys;
      const float* mean = means + b * g.shape.padded_heads() + t * HT;
      CREST_UNROLL for (int h = 0; h < HT; ++h) w[i * HT + h] = w[i * HT + h] * steps[2 * b] + mean[h];
    }
    drawn.exact.logits.template apply<Block<i8, HT>::keys, HT>(block.key, t, w);
    drawn.reweigh(block, t, w);
  }
  CREST_INLINE void scale_values(const Block<i8, HT>& block, float* w) const {
    for (int i = 0; i < block.count; ++i) {
      const float step = steps[block.key[i] / SketchView::block_keys * 2 + 1];
      for (int h = 0; h < HT; ++h) w[i * HT + h] *= step;
    }
  }
};
