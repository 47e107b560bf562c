// The textbook loop. Kernel text: compiled once for every backend, with the same flags and instructions as crest's own.

/// A row as floats: f32 where it stands, other types converted into `buffer` by the hardware.
inline const float* widen(const float* row, Index, float*) { return row; }
template <class T>
const float* widen(const T* row, Index n, float* buffer) {
  Index x = 0;
  for (; x + Vec::width <= n; x += Vec::width) store(buffer + x, load(row + x));
  if (x < n) store(buffer + x, load_part(row + x, n - x));
  return buffer;
}

inline float dot(const float* a, const float* b, Index n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index x = 0; x < n; ++x) sum += a[x] * b[x];
  return sum;
}

/// One query head: a pass over K, a softmax, a pass over V. `w`: [keys].
template <class T>
void textbook_row(Region, const Problem<T>& p, Index head, float* w) {
  alignas(64) float buffer[1024], o[1024] = {};
  const Index kv = head / p.gqa_group(), n = p.keys(), dim = p.head_dim();
  const float *q = &p.q(head, 0, 0), scale = 1 / std::sqrt(static_cast<float>(dim));
  for (Index j = 0; j < n; ++j) w[j] = scale * dot(q, widen(&p.k(kv, j, 0), dim, buffer), dim);
  const float top = *std::max_element(w, w + n);
  float sum = 0;
  for (Index j = 0; j < n; ++j) sum += w[j] = std::exp(w[j] - top);
  for (Index j = 0; j < n; ++j) {
    const float* v = widen(&p.v(kv, j, 0), p.value_dim(), buffer);
#pragma omp simd
    for (Index x = 0; x < p.value_dim(); ++x) o[x] += w[j] * v[x];
  }
  for (Index x = 0; x < p.value_dim(); ++x) p.o(head, 0, x) = o[x] / sum;
}
