// Vec of 8 floats (AVX2, FMA, F16C).

inline constexpr int tile = 8;  ///< accumulators a register tile may hold: half of the 16 registers

struct Vec {
  static constexpr int width = 8;
  __m256 v;
};

CREST_INLINE Vec zero() { return {_mm256_setzero_ps()}; }
CREST_INLINE Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
CREST_INLINE Vec broadcast(f16 x) { return {_mm256_cvtph_ps(_mm_set1_epi16(static_cast<short>(x.bits)))}; }

CREST_INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
CREST_INLINE Vec load(const f16* p) { return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))}; }
CREST_INLINE Vec load(const bf16* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16))};
}
CREST_INLINE void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
/// Rounded to bf16, to nearest even, in the low halves of lanes; NaN stays NaN.
CREST_INLINE __m256i round_bf16(Vec a) {
  const __m256i bits = _mm256_castps_si256(a.v), high = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q));
  const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
  return _mm256_blendv_epi8(_mm256_srli_epi32(rounded, 16), quiet, nan);
}
CREST_INLINE void store(bf16* p, Vec a) {
  const __m256i halves = round_bf16(a), packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(halves, halves), 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
}
/// Stores numbers that bf16 has by turns: a[0], b[0], a[1] ...
CREST_INLINE void store_pairs(bf16* p, Vec a, Vec b) {
  const __m256i low = _mm256_srli_epi32(_mm256_castps_si256(a.v), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_blend_epi16(low, _mm256_castps_si256(b.v), 0xaa));
}

CREST_INLINE Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
CREST_INLINE Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
CREST_INLINE Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
CREST_INLINE Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
CREST_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
CREST_INLINE Vec max(Vec floor, Vec x) { return {_mm256_max_ps(floor.v, x.v)}; }
CREST_INLINE Vec min(Vec ceiling, Vec x) { return {_mm256_min_ps(ceiling.v, x.v)}; }
/// The largest lane; where some are not numbers, any lane.
CREST_INLINE float lane_max(Vec a) {
  __m128 most = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  most = _mm_max_ps(most, _mm_movehl_ps(most, most));
  return _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most)));
}
CREST_INLINE bool any_greater(Vec a, Vec b) { return _mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)) != 0; }
CREST_INLINE bool any_not_less(Vec a, Vec b) { return _mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_NLT_UQ)) != 0; }
CREST_INLINE Vec round(Vec a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
CREST_INLINE Vec exp2_integer(Vec n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23))};
}

/// One vector of the 8 sums of 8 vectors.
CREST_INLINE Vec sums(const Vec* a) {
  __m256 pair[4], quad[2];
  CREST_UNROLL for (int i = 0; i < 4; ++i) {
    const __m256 x = a[2 * i].v, y = a[2 * i + 1].v;
    pair[i] = _mm256_add_ps(_mm256_unpacklo_ps(x, y), _mm256_unpackhi_ps(x, y));
  }
  CREST_UNROLL for (int i = 0; i < 2; ++i) {
    const __m256d x = _mm256_castps_pd(pair[2 * i]), y = _mm256_castps_pd(pair[2 * i + 1]);
    quad[i] = _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(x, y)), _mm256_castpd_ps(_mm256_unpackhi_pd(x, y)));
  }
  return {
      _mm256_add_ps(_mm256_permute2f128_ps(quad[0], quad[1], 0x20), _mm256_permute2f128_ps(quad[0], quad[1], 0x31))};
}

/// Transposes the 4 x 4 floats that four vectors hold in each of their 128-bit lanes.
CREST_INLINE void transpose_lanes(const Vec* a, __m256* to) {
  const __m256 low01 = _mm256_unpacklo_ps(a[0].v, a[1].v), high01 = _mm256_unpackhi_ps(a[0].v, a[1].v);
  const __m256 low23 = _mm256_unpacklo_ps(a[2].v, a[3].v), high23 = _mm256_unpackhi_ps(a[2].v, a[3].v);
  const __m256d p = _mm256_castps_pd(low01), q = _mm256_castps_pd(low23);
  const __m256d r = _mm256_castps_pd(high01), s = _mm256_castps_pd(high23);
  to[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(p, q)), to[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(p, q));
  to[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(r, s)), to[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(r, s));
}

/// Rows become columns.
CREST_INLINE void transpose(Vec* a) {
  __m256 quad[8];
  CREST_UNROLL for (int i = 0; i < 8; i += 4) transpose_lanes(a + i, quad + i);
  CREST_UNROLL for (int i = 0; i < 4; ++i) {
    a[i].v = _mm256_permute2f128_ps(quad[i], quad[4 + i], 0x20);
    a[4 + i].v = _mm256_permute2f128_ps(quad[i], quad[4 + i], 0x31);
  }
}

/// Four rows become their elements by turns: a[0] holds the first W / 4 elements of each.
CREST_INLINE void interleave(Vec* a) {
  __m256 x[4];
  transpose_lanes(a, x);
  a[0].v = _mm256_permute2f128_ps(x[0], x[1], 0x20), a[1].v = _mm256_permute2f128_ps(x[2], x[3], 0x20);
  a[2].v = _mm256_permute2f128_ps(x[0], x[1], 0x31), a[3].v = _mm256_permute2f128_ps(x[2], x[3], 0x31);
}

CREST_INLINE unsigned mask_not_less(Vec a, Vec b) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_GE_OQ)));
}
CREST_INLINE Vec load(const i8* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}
/// Nibbles less 8: the low or the high halves of Vec::width bytes.
template <bool High>
CREST_INLINE Vec load_nibbles(const std::byte* p) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  const __m128i halves = _mm_and_si128(High ? _mm_srli_epi16(bytes, 4) : bytes, _mm_set1_epi8(15));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_sub_epi8(halves, _mm_set1_epi8(8))))};
}

/// 8 lanes of four bytes, or of sums of their products.
struct Ints {
  __m256i v;
};
CREST_INLINE Ints zero_ints() { return {_mm256_setzero_si256()}; }
CREST_INLINE Ints load_ints(const std::byte* p) { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))}; }
CREST_INLINE Ints bit_field(Ints a, const SketchField& f) {
  const __m256i shifted = _mm256_srlv_epi32(a.v, _mm256_set1_epi32(f.shift));
  return {_mm256_and_si256(shifted, _mm256_set1_epi32(static_cast<int>(f.mask)))};
}
/// sum += products of unsigned codes and four signed query bytes, in 16-bit sums, which the query's scale keeps from
/// overflowing.
template <bool>
CREST_INLINE Ints dot4(Ints sum, Ints codes, std::uint32_t q) {
  return {_mm256_add_epi16(sum.v, _mm256_maddubs_epi16(codes.v, _mm256_set1_epi32(static_cast<int>(q))))};
}
template <bool>
CREST_INLINE Vec sums_of(Ints a) {
  return {_mm256_cvtepi32_ps(_mm256_madd_epi16(a.v, _mm256_set1_epi16(1)))};
}
template <class F>
CREST_INLINE auto with_dot(F&& f) {
  return f(std::false_type{});
}

/// 16 integers of 16 bits: few-bit elements of a row, or a query rounded to such.
struct Shorts {
  __m256i v;
};
CREST_INLINE Shorts load_shorts(const std::int16_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
CREST_INLINE Shorts load_shorts(const i8* p) {
  return {_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
/// Nibbles less 8 of a block of 32, from the x-th on.
CREST_INLINE Shorts nibble_shorts(const std::byte* p, Index x) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i halves = _mm_and_si128(x < 16 ? bytes : _mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
  return {_mm256_cvtepi8_epi16(_mm_sub_epi8(halves, _mm_set1_epi8(8)))};
}
/// sum += products of two neighbours a lane.
template <bool>
CREST_INLINE Ints dot2(Ints sum, Shorts a, Shorts b) {
  return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(a.v, b.v))};
}
CREST_INLINE Vec as_floats(Ints a) { return {_mm256_cvtepi32_ps(a.v)}; }

/// Floats whose bits are base + (byte << 20).
CREST_INLINE Vec load_scales(const std::byte* p, std::uint32_t base) {
  const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  return {
      _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(bytes, 20), _mm256_set1_epi32(static_cast<int>(base))))};
}
