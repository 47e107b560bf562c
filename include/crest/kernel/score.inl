// Scores: q . k for a tile of query heads and a block of keys.

/// Vectors of a row scored in one go: rows are read in pieces as long as registers allow, since hardware prefetchers
/// follow memory best in the order in which it lies.
template <int HT>
inline constexpr int score_vectors = tile / (2 * HT) > 4   ? 4
                                     : tile / (2 * HT) > 1 ? tile / (2 * HT)
                                                           : 1;

/// Rows read side by side, for the same reason: few, and the fewer the longer their elements are.
template <int HT, class T>
inline constexpr int score_rows = std::min(tile / HT, elements_in<T> > 1 ? 8 : static_cast<int>(8 / sizeof(T)));

/// Elements of a row that take about a cache line.
template <class T>
inline constexpr Index line_elements = elements_in<T>*((64 + static_cast<Index>(sizeof(T)) / 2) /
                                                       static_cast<Index>(sizeof(T)));

/// One step along head_dim for ROWS keys: sum[key][head] += k[key][x..] * q[head][x..]. Each K vector is loaded and
/// converted once for all heads. q: for each vector of x one vector per head, side by side.
template <int HT, int ROWS, int NX, class LoadKey>
CREST_INLINE void score_step(LoadKey load_key, const float* q, Vec* sum) {
  Vec qx[NX * HT];
  CREST_UNROLL for (int i = 0; i < NX * HT; ++i) qx[i] = load(q + i * Vec::width);
  CREST_UNROLL for (int i = 0; i < ROWS; ++i) CREST_UNROLL for (int n = 0; n < NX; ++n) {
    const Vec kx = load_key(i, n * Vec::width);
    CREST_UNROLL for (int h = 0; h < HT; ++h) sum[i * HT + h] = fma(kx, qx[n * HT + h], sum[i * HT + h]);
  }
}

/// Sums of products of some rows, whole: sum[key * HT + head]. `ahead` is prefetched on the way, line by line.
template <int HT, class T, class Ahead>
CREST_INLINE void score_whole_rows(const T* const* k, Ahead ahead, const float* q, Index head_dim, Vec* sum) {
  constexpr int NX = score_vectors<HT>, ROWS = score_rows<HT, T>;
  constexpr Index W = Vec::width, piece = NX * W, step = std::max(piece, line_elements<T>), block = elements_in<T>;
  Index x = 0;
  for (; x + step <= head_dim; x += step) {
    CREST_UNROLL for (int i = 0; i < ROWS; ++i) ahead.template touch<step>(i, k[i], x);
    const auto part = [&](Index u) {
      const auto key = [&](int i, Index at) { return load_at(k[i] + x / block, u + at); };
      score_step<HT, ROWS, NX>(key, q + (x + u) * HT, sum);
    };
    if constexpr (step == piece)  // else g++ hands the unrolling of this loop of one turn on to the loop around it
      part(0);
    else
      CREST_UNROLL for (Index u = 0; u < step; u += piece) part(u);
  }
  for (; x < head_dim; x += W)
    score_step<HT, ROWS, 1>([&](int i, Index) { return load_at(k[i], x, head_dim - x); }, q + x * HT, sum);
}

/// Scores of tile / HT keys: out[key * HT + head].
template <int HT, class T, class Ahead>
CREST_INLINE void score_keys(const T* const* k, Ahead ahead, const float* q, Index head_dim, float* out) {
  constexpr int ROWS = score_rows<HT, T>;
  Vec sum[tile];
  CREST_UNROLL for (int i = 0; i < tile; ++i) sum[i] = zero();
  CREST_UNROLL for (int i = 0; i < tile / HT; i += ROWS)
      score_whole_rows<HT>(k + i, ahead.from(i), q, head_dim, sum + i * HT);
  CREST_UNROLL for (int i = 0; i < tile; i += Vec::width) store(out + i, sums(sum + i));
}

/// Part i of n of some work.
struct Share {
  int i, n;
};

/// Scores of a whole block: out[key * HT + head], in the units of q, whose type chooses the arithmetic. Half-way and at
/// the end meanwhile(share) does other work: multiply-adds that fill the gaps which the reduction of the sums leaves.
template <int HT, class T, class Ahead, class Q, class F>
CREST_INLINE void score_block(const Block<T, HT>& block, Ahead ahead, const Q& q, Index head_dim, float* out,
                              F&& meanwhile) {
  constexpr int keys = tile / HT, tiles = block_keys<HT, T> / keys, shares = tiles > 1 ? 2 : 1, each = tiles / shares;
  for (int i = 0; i < tiles; ++i) {
    score_keys<HT>(block.k + i * keys, ahead.from(i * keys), q, head_dim, out + i * tile);
    if ((i + 1) % each == 0) meanwhile(Share{i / each, shares});
  }
}
template <int HT, class T, class Ahead>
CREST_INLINE void score_block(const Block<T, HT>& block, Ahead ahead, const float* q, Index head_dim, float* out) {
  score_block<HT>(block, ahead, q, head_dim, out, [](Share) {});
}
