// What the demo holds crest against. Kernel text: compiled once for every backend, with the same flags and
// instructions as crest's own.

/// A row of the cache as floats, converted by the hardware.
inline void widen(const f16* row, Index n, float* to) {
  Index x = 0;
  for (; x + Vec::width <= n; x += Vec::width) store(to + x, load(row + x));
  if (x < n) store(to + x, load_part(row + x, n - x));
}

/// Attention as textbooks write it, one query head after the other: all scores, their softmax, the weighted sum of the
/// values. The compiler vectorises the two inner loops. `scores`: [keys], `row`: [dim] rounded up to 16.
inline void textbook_head(Region, const Problem<f16>& p, Index head, float* scores, float* row) {
  const Index keys = p.keys(), kv_head = head / p.gqa_group();
  const float* q = &p.q(head, 0, 0);
  float* o = &p.o(head, 0, 0);
  float peak = -std::numeric_limits<float>::infinity(), sum = 0;
  for (Index j = 0; j < keys; ++j) {
    widen(&p.k(kv_head, j, 0), p.head_dim(), row);
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (Index x = 0; x < p.head_dim(); ++x) dot += q[x] * row[x];
    scores[j] = dot * p.scale;
    peak = std::max(peak, scores[j]);
  }
  std::fill(o, o + p.value_dim(), 0.0f);
  for (Index j = 0; j < keys; ++j) {
    const float weight = std::exp(scores[j] - peak);
    widen(&p.v(kv_head, j, 0), p.value_dim(), row);
    sum += weight;
#pragma omp simd
    for (Index x = 0; x < p.value_dim(); ++x) o[x] += weight * row[x];
  }
  for (Index x = 0; x < p.value_dim(); ++x) o[x] /= sum;
}

/// Reads `streams` equal parts of a place at once with the widest loads, 512 bytes of each in turn, lines fetched
/// `ahead` bytes early. The maximum, unlike a sum, costs the same whatever bit patterns the bytes form.
template <int streams, int ahead>
Vec read_place(const float* from, Index floats) {
  constexpr Index chunk = 128, sums = 8;
  const Index part = floats / streams, whole = part / chunk * chunk;
  Vec top[sums] = {zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero()};
  for (Index at = 0; at < whole; at += chunk)
    for (int s = 0; s < streams; ++s) CREST_UNROLL for (Index x = 0; x < chunk; x += Vec::width) {
        const float* p = from + s * part + at + x;
        if (ahead > 0 && x % 16 == 0) __builtin_prefetch(p + ahead / 4);
        top[x / Vec::width % sums] = max(top[x / Vec::width % sums], load(p));
      }
  for (Index at = whole; at < part; at += Vec::width)
    for (int s = 0; s < streams; ++s)
      top[s] = max(top[s], load_part(from + s * part + at, std::min<Index>(Vec::width, part - at)));
  for (Index i = 1; i < sums; ++i) top[0] = max(top[0], top[i]);
  return top[0];
}

/// Reads a place by the loop of that number.
inline Vec read_place(int loop, const float* from, Index floats) {
  switch (loop) {
    case 0:
      return read_place<1, 0>(from, floats);
    case 1:
      return read_place<2, 0>(from, floats);
    case 2:
      return read_place<4, 0>(from, floats);
    case 3:
      return read_place<1, 2048>(from, floats);
    case 4:
      return read_place<2, 2048>(from, floats);
    default:
      return read_place<4, 2048>(from, floats);
  }
}

/// Reads the K and V rows of a problem. The result depends on every byte, or the compiler would skip some.
inline float read_problem(Region, const Problem<f16>& p, int loop) {
  Vec top = zero();
  for (Index head = 0; head < p.kv_heads(); ++head) {
    const auto* k = reinterpret_cast<const float*>(&p.k(head, 0, 0));
    const auto* v = reinterpret_cast<const float*>(&p.v(head, 0, 0));
    top = max(top, read_place(loop, k, p.keys() * p.head_dim() / 2));
    top = max(top, read_place(loop, v, p.keys() * p.value_dim() / 2));
  }
  float lanes[Vec::width];
  store(lanes, top);
  return *std::max_element(lanes, lanes + Vec::width);
}
