// Tile registers: eight matrices of 16 rows of 64 bytes, and the product of two of them, as Intel's AMX has them. This
// is the model in software, which every backend has; simd/tiles_amx.inl has the instructions.

/// What these instructions take a number for: one too small to be normal is zero.
inline float flushed(float x) { return std::abs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x; }

/// Stores a, b rounded to bf16, and adds the two of each pair of places to a lane of the sum, the second one first
/// (Intel SDM volume 2, VCVTNE2PS2BF16 and VDPBF16PS with ones).
inline void store_and_sum_by_model(bf16* p, Vec a, Vec b, Vec& sum) {
  constexpr int W = Vec::width;
  float whole[2 * W], sums[W];
  store(whole, a), store(whole + W, b), store(sums, sum);
  for (float& x : whole) x = flushed(x);
  const Vec first = rounded_to_bf16(load(whole)), second = rounded_to_bf16(load(whole + W));
  store_whole(p, first), store_whole(p + W, second);
  store(whole, first), store(whole + W, second);
  for (int j = 0; j < W; ++j) sums[j] = sums[j] + whole[2 * j + 1] + whole[2 * j];
  sum = load(sums);
}

struct TileModel {
  static constexpr int rows = 16, row_bytes = 64;
  alignas(64) std::byte registers[8][rows * row_bytes];

  /// Makes the registers ready. What they held is lost.
  void begin() {}

  template <int R>
  void clear() {
    std::memset(registers[R], 0, sizeof registers[R]);
  }
  /// 16 rows, `stride` bytes apart.
  template <int R>
  void load(const void* p, Index stride) {
    for (int r = 0; r < rows; ++r)
      std::memcpy(registers[R] + r * row_bytes, static_cast<const std::byte*>(p) + r * stride, row_bytes);
  }
  template <int R>
  void store(void* p, Index stride) const {
    for (int r = 0; r < rows; ++r)
      std::memcpy(static_cast<std::byte*>(p) + r * stride, registers[R] + r * row_bytes, row_bytes);
  }

  /// Keeps two vectors of weights, rounded to bf16, and adds them to the sum.
  static void keep_two(bf16* packed, Vec a, Vec b, Vec& sum) { store_and_sum_by_model(packed, a, b, sum); }

  /// C += A B. C: [16][16] floats. A: [16][32] bf16. B: [16][16][2] bf16: row k holds rows 2k and 2k + 1 of a matrix,
  /// by turns. Even and odd places of A are summed apart and added to C at the end; numbers too small to be normal
  /// count as zeros (Intel SDM volume 2, TDPBF16PS).
  template <int C, int A, int B>
  void multiply() {
    constexpr int columns = row_bytes / int{sizeof(float)};
    for (int m = 0; m < rows; ++m) {
      float even[columns] = {}, odd[columns] = {};
      for (int k = 0; k < columns; ++k)
        for (int n = 0; n < columns; ++n) {
          even[n] = add_product(even[n], at<A>(m, 2 * k), at<B>(k, 2 * n));
          odd[n] = add_product(odd[n], at<A>(m, 2 * k + 1), at<B>(k, 2 * n + 1));
        }
      add_to_row<C>(m, even, odd);
    }
  }

 private:
  static float add_product(float sum, float a, float b) { return flushed(sum + a * b); }
  template <int R>
  float at(int row, int place) const {
    bf16 x;
    std::memcpy(&x, registers[R] + row * row_bytes + place * int{sizeof x}, sizeof x);
    return flushed(to_float(x));
  }
  template <int C>
  void add_to_row(int row, const float* even, const float* odd) {
    float c[row_bytes / sizeof(float)];
    std::memcpy(c, registers[C] + row * row_bytes, sizeof c);
    for (std::size_t n = 0; n < std::size(c); ++n) c[n] = flushed(flushed(c[n]) + flushed(even[n] + odd[n]));
    std::memcpy(registers[C] + row * row_bytes, c, sizeof c);
  }
};
