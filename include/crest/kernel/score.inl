// Scores: q . k for a tile of query heads and a block of keys.

/// Touches the cache lines of a piece of a row that will be needed soon, and of what lies `far` bytes behind it.
/// Addresses are integers: the far one may lie past the buffer, where a prefetch does nothing.
template <int bytes, class T>
CREST_INLINE void prefetch(const T* p, Index far) {
  const auto near = reinterpret_cast<std::uintptr_t>(p);
  CREST_UNROLL for (int line = 0; line < bytes; line += 64) {
    __builtin_prefetch(reinterpret_cast<const void*>(near + line), 0, 3);
    __builtin_prefetch(reinterpret_cast<const void*>(near + far + line), 0, 2);
  }
}

/// One step along head_dim of a register tile: sum[key][head] += k[key][x..] * q[head][x..]. Each K vector is loaded and
/// converted once for all heads. q: one vector per head, side by side.
template <int HT, class LoadKey>
CREST_INLINE void score_step(LoadKey load_key, const float* q, Vec (&sum)[tile]) {
  Vec qx[HT];
  CREST_UNROLL for (int h = 0; h < HT; ++h) qx[h] = load(q + h * Vec::width);
  CREST_UNROLL for (int i = 0; i < tile / HT; ++i) {
    const Vec kx = load_key(i);
    CREST_UNROLL for (int h = 0; h < HT; ++h) sum[i * HT + h] = fma(kx, qx[h], sum[i * HT + h]);
  }
}

/// Scores of tile / HT keys: out[key * HT + head]. `ahead` rows are prefetched on the way, line by line.
template <int HT, class T>
CREST_INLINE void score_keys(const T* const* k, Ahead<T> ahead, const float* q, Index head_dim, float* out) {
  constexpr Index W = Vec::width, line = W * static_cast<Index>(sizeof(T)) < 64 ? 64 / sizeof(T) : W;
  Vec sum[tile];
  CREST_UNROLL for (int i = 0; i < tile; ++i) sum[i] = zero();
  Index x = 0;
  for (; x + line <= head_dim; x += line) {
    CREST_UNROLL for (int i = 0; i < tile / HT; ++i) prefetch<line * sizeof(T)>(ahead.rows[i] + x, ahead.far);
    CREST_UNROLL for (Index u = 0; u < line; u += W)
        score_step<HT>([&](int i) { return load(k[i] + x + u); }, q + (x + u) * HT, sum);
  }
  for (; x + W <= head_dim; x += W) score_step<HT>([&](int i) { return load(k[i] + x); }, q + x * HT, sum);
  if (x < head_dim) score_step<HT>([&](int i) { return load_part(k[i] + x, head_dim - x); }, q + x * HT, sum);
  CREST_UNROLL for (int i = 0; i < tile; i += W) store(out + i, sums(sum + i));
}

/// Scores of a whole block: out[key * HT + head], in the units of q.
template <int HT, class T>
CREST_INLINE void score_block(const Block<T, HT>& block, Ahead<T> ahead, const float* q, Index head_dim, float* out) {
  for (int i = 0; i < block_keys<HT>; i += tile / HT)
    score_keys<HT>(block.k + i, Ahead<T>{ahead.rows + i, ahead.far}, q, head_dim, out + i * HT);
}
