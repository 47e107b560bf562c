// Products of small matrices: c += a b, with c in registers. What attention of many rows spends its time on, for scores
// (rows of q, packed keys) and for outputs (rows of weights, packed values) alike.

/// A register block of c: rows of a, and vectors of b. Three quarters of the register file hold sums; two vectors of b
/// and a broadcast element of a share the rest. Per step 2 + multiply_rows loads feed twice as many multiply-adds.
inline constexpr int multiply_rows = tile * 3 / 4, multiply_vectors = 2;
static_assert(PrefillShape::block_rows % multiply_rows == 0);

/// Where elements of a lie: row r of step k at data[r * row_step + k * step].
template <int RowStep, int Step>
struct Multiplicand {
  const float* data;
  static constexpr int row_step = RowStep, step = Step;
};

/// sum[row * NV + n] += sum over `steps` of a(row, k) * b[k][n]. b: NV vectors for each step, side by side.
template <int NV, class A>
CREST_INLINE void multiply(A a, const float* b, Index steps, Vec (&sum)[multiply_rows * NV]) {
  for (Index k = 0; k < steps; ++k, a.data += A::step, b += NV * Vec::width) {
    Vec bx[NV];
    CREST_UNROLL for (int n = 0; n < NV; ++n) bx[n] = load(b + n * Vec::width);
    CREST_UNROLL for (int r = 0; r < multiply_rows; ++r) {
      const Vec ar = broadcast(a.data[r * A::row_step]);
      CREST_UNROLL for (int n = 0; n < NV; ++n) sum[r * NV + n] = fma(ar, bx[n], sum[r * NV + n]);
    }
  }
}

template <int N>
CREST_INLINE void clear(Vec (&sum)[N]) {
  CREST_UNROLL for (int i = 0; i < N; ++i) sum[i] = zero();
}
