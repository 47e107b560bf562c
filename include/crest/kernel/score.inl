// Scores: q . k for a tile of query heads and a block of keys.

/// Touches the cache lines of a piece of a row that will be needed soon.
template <int bytes, class T>
CREST_INLINE void prefetch(const T* p) {
  CREST_UNROLL for (int line = 0; line < bytes; line += 64) __builtin_prefetch(
      reinterpret_cast<const char*>(p) + line, 0, 3);
}

/// One step along head_dim of a register tile: sum[key][head] += k[key][x..] * q[head][x..]. Each K vector is loaded and
/// converted once for all heads.
template <int HT, class LoadKey>
CREST_INLINE void score_step(LoadKey load_key, const float* q, Index q_pitch, Vec (&sum)[tile]) {
  Vec qx[HT];
  CREST_UNROLL for (int h = 0; h < HT; ++h) qx[h] = load(q + h * q_pitch);
  CREST_UNROLL for (int i = 0; i < tile / HT; ++i) {
    const Vec kx = load_key(i);
    CREST_UNROLL for (int h = 0; h < HT; ++h) sum[i * HT + h] = fma(kx, qx[h], sum[i * HT + h]);
  }
}

/// Scores of tile / HT keys: out[key * HT + head]. `ahead` rows are prefetched on the way, line by line.
template <int HT, class T>
CREST_INLINE void score_keys(const T* const* k, const T* const* ahead, const float* q, Index q_pitch, Index head_dim,
                             float* out) {
  constexpr Index W = Vec::width, line = W * static_cast<Index>(sizeof(T)) < 64 ? 64 / sizeof(T) : W;
  Vec sum[tile];
  CREST_UNROLL for (int i = 0; i < tile; ++i) sum[i] = zero();
  Index x = 0;
  for (; x + line <= head_dim; x += line) {
    CREST_UNROLL for (int i = 0; i < tile / HT; ++i) prefetch<line * sizeof(T)>(ahead[i] + x);
    CREST_UNROLL for (Index u = 0; u < line; u += W)
        score_step<HT>([&](int i) { return load(k[i] + x + u); }, q + x + u, q_pitch, sum);
  }
  for (; x + W <= head_dim; x += W)
    score_step<HT>([&](int i) { return load(k[i] + x); }, q + x, q_pitch, sum);
  if (x < head_dim)
    score_step<HT>([&](int i) { return load_part(k[i] + x, head_dim - x); }, q + x, q_pitch, sum);
  CREST_UNROLL for (int i = 0; i < tile; i += W) store(out + i, sums(sum + i));
}

/// Scores of a whole block: out[key * HT + head], in the units of q.
template <int HT, class T>
CREST_INLINE void score_block(const Block<T, HT>& block, const T* const* ahead, const float* q, Index q_pitch,
                              Index head_dim, float* out) {
  for (int i = 0; i < block_keys<HT>; i += tile / HT)
    score_keys<HT>(block.k + i, ahead + i, q, q_pitch, head_dim, out + i * HT);
}
