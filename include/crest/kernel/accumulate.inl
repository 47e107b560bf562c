// Values: o += sum_j w_j v_j for a tile of query heads and a block of keys.

/// One piece of value_dim: NV vectors wide. The accumulators stay in registers for the whole block, each V vector is
/// loaded and converted once for all heads. o: for each vector of value_dim one vector per head, side by side.
template <int HT, int NV, class LoadValue>
CREST_INLINE void accumulate_step(int count, LoadValue load_value, const float* w, float* o) {
  constexpr Index W = Vec::width;
  Vec sum[HT * NV];
  CREST_UNROLL for (int i = 0; i < HT * NV; ++i) sum[i] = load(o + i * W);
  for (int i = 0; i < count; ++i) {
    Vec value[NV];
    CREST_UNROLL for (int n = 0; n < NV; ++n) value[n] = load_value(i, n * W);
    CREST_UNROLL for (int h = 0; h < HT; ++h) {
      const Vec weight = broadcast(w[i * HT + h]);
      CREST_UNROLL for (int n = 0; n < NV; ++n) sum[n * HT + h] = fma(weight, value[n], sum[n * HT + h]);
    }
  }
  CREST_UNROLL for (int i = 0; i < HT * NV; ++i) store(o + i * W, sum[i]);
}

/// A whole block: o[head][value_dim] += sum over its keys of w[key * HT + head] * v[key]. `ahead` rows are prefetched.
template <int HT, class T>
CREST_INLINE void accumulate_block(const Block<T, HT>& block, Ahead<T> ahead, const float* w, Index value_dim,
                                   float* o) {
  constexpr Index W = Vec::width, NV = tile / HT < 4 ? tile / HT : 4, step = NV * W, in_block = elements_in<T> - 1;
  Index x = 0;
  for (; x + step <= value_dim; x += step)
    accumulate_step<HT, NV>(
        block.count,
        [&](int i, Index at) {
          if (at == 0) prefetch<step>(ahead.rows[i], x, ahead.far);
          return load_at(block.v[i] + x / elements_in<T>, (x & in_block) + at);
        },
        w, o + x * HT);
  for (; x < value_dim; x += W)
    accumulate_step<HT, 1>(
        block.count, [&](int i, Index) { return load_at(block.v[i], x, value_dim - x); }, w, o + x * HT);
}
