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

/// Weights of one block for one tile of heads, whose values are still to be added.
template <class T, int HT, class Ahead>
struct Weighed {
  alignas(64) float w[block_keys<HT, T> * HT];
  const Block<T, HT>* block = nullptr;
  Ahead ahead{};  ///< what to prefetch meanwhile
  float* o = nullptr;
};

/// A share of a block's values: o[head][value_dim] += sum over its keys of w[key * HT + head] * v[key].
template <class T, int HT, class Ahead>
CREST_INLINE void accumulate_block(const Weighed<T, HT, Ahead>& u, Index value_dim, Share share) {
  constexpr Index W = Vec::width, NV = tile / HT < 4 ? tile / HT : 4, step = NV * W, in_block = elements_in<T> - 1;
  const Block<T, HT>& block = *u.block;
  const Index pieces = value_dim / step, last = pieces * (share.i + 1) / share.n * step;
  Index x = pieces * share.i / share.n * step;
  for (; x < last; x += step)
    accumulate_step<HT, NV>(
        block.count,
        [&](int i, Index at) {
          if (at == 0) u.ahead.template touch<step>(i, block.v[i], x);
          return load_at(block.v[i] + x / elements_in<T>, (x & in_block) + at);
        },
        u.w, u.o + x * HT);
  if (share.i + 1 < share.n) return;
  for (; x < value_dim; x += W)
    accumulate_step<HT, 1>(
        block.count, [&](int i, Index) { return load_at(block.v[i], x, value_dim - x); }, u.w, u.o + x * HT);
}
