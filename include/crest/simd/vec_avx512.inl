// Vec of 16 floats (AVX-512 F, BW, DQ, VL). Conversions: f16 one vcvtph2ps, bf16 widen and shift.

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false positives inside g++ 12's own avx512fintrin.h
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

inline constexpr int tile = 16;  ///< accumulators a register tile may hold: half of the 32 registers

struct Vec {
  static constexpr int width = 16;
  __m512 v;
};

CREST_INLINE Vec zero() { return {_mm512_setzero_ps()}; }
CREST_INLINE Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
CREST_INLINE Vec broadcast(f16 x) { return {_mm512_cvtph_ps(_mm256_set1_epi16(static_cast<short>(x.bits)))}; }

CREST_INLINE __m512 widen_bf16(__m256i bits) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
CREST_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
CREST_INLINE Vec load(const f16* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
CREST_INLINE Vec load(const bf16* p) { return {widen_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))}; }

/// The first n elements, zeros behind them; nothing past them is touched.
CREST_INLINE __mmask16 first(Index n) { return static_cast<__mmask16>((1u << n) - 1u); }
CREST_INLINE Vec load_part(const float* p, Index n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
CREST_INLINE Vec load_part(const f16* p, Index n) { return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p))}; }
CREST_INLINE Vec load_part(const bf16* p, Index n) { return {widen_bf16(_mm256_maskz_loadu_epi16(first(n), p))}; }
CREST_INLINE void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
/// Rounded to bf16, to nearest even, in the low halves of lanes; NaN stays NaN.
CREST_INLINE __m512i round_bf16(Vec a) {
  const __m512i bits = _mm512_castps_si512(a.v), high = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
  const __m512i quiet = _mm512_or_si512(high, _mm512_set1_epi32(0x40));
  return _mm512_mask_mov_epi32(_mm512_srli_epi32(rounded, 16), nan, quiet);
}
CREST_INLINE void store(bf16* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(round_bf16(a)));
}
/// Stores numbers that bf16 has.
CREST_INLINE void store_whole(bf16* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(a.v), 16)));
}
/// Stores numbers that bf16 has by turns: a[0], b[0], a[1] ...
CREST_INLINE void store_pairs(bf16* p, Vec a, Vec b) {
  const __m512i low = _mm512_srli_epi32(_mm512_castps_si512(a.v), 16);
  _mm512_storeu_si512(p, _mm512_mask_blend_epi16(0xaaaaaaaa, low, _mm512_castps_si512(b.v)));
}
/// As store_and_sum_by_model, by AVX512-BF16. Written out: the region is compiled for CPUs without it.
CREST_INLINE void store_and_sum(bf16* p, Vec a, Vec b, Vec& sum) {
  __m512i rounded;
  asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(rounded) : "v"(b.v), "v"(a.v));
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum.v) : "v"(rounded), "v"(_mm512_set1_epi16(0x3f80)));
  _mm512_storeu_si512(p, rounded);
}

CREST_INLINE Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
CREST_INLINE Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
CREST_INLINE Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
CREST_INLINE Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
CREST_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
CREST_INLINE Vec max(Vec floor, Vec x) { return {_mm512_max_ps(floor.v, x.v)}; }
CREST_INLINE Vec min(Vec ceiling, Vec x) { return {_mm512_min_ps(ceiling.v, x.v)}; }
/// The largest lane; where some are not numbers, any lane.
CREST_INLINE float lane_max(Vec a) { return _mm512_reduce_max_ps(a.v); }
CREST_INLINE bool any_greater(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ) != 0; }
CREST_INLINE bool any_not_less(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_NLT_UQ) != 0; }
CREST_INLINE Vec round(Vec a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
CREST_INLINE Vec exp2_integer(Vec n) {
  const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23))};
}
/// A number as the nearest whole one and what is left of it, as 2^x needs them.
struct Split {
  Vec whole, fraction;
};
CREST_INLINE Split split(Vec x) {
  const Vec fraction{_mm512_reduce_ps(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  return {x - fraction, fraction};
}
/// a 2^n, 0 where n is below -126.
CREST_INLINE Vec scale_by_power(Vec a, Vec n) {
  const __mmask16 normal = _mm512_cmp_ps_mask(n.v, _mm512_set1_ps(-126), _CMP_NLT_UQ);
  return {_mm512_maskz_scalef_ps(normal, a.v, n.v)};
}

/// One vector of the 16 sums of 16 vectors: 30 shuffles and 15 additions instead of 16 horizontal sums.
CREST_INLINE Vec sums(const Vec* a) {
  __m512 pair[8], quad[4];
  CREST_UNROLL for (int i = 0; i < 8; ++i) {
    const __m512 x = a[2 * i].v, y = a[2 * i + 1].v;
    pair[i] = _mm512_add_ps(_mm512_unpacklo_ps(x, y), _mm512_unpackhi_ps(x, y));
  }
  CREST_UNROLL for (int i = 0; i < 4; ++i) {
    const __m512d x = _mm512_castps_pd(pair[2 * i]), y = _mm512_castps_pd(pair[2 * i + 1]);
    quad[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)), _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
  }
  const __m512 low =
      _mm512_add_ps(_mm512_shuffle_f32x4(quad[0], quad[1], 0x88), _mm512_shuffle_f32x4(quad[0], quad[1], 0xdd));
  const __m512 high =
      _mm512_add_ps(_mm512_shuffle_f32x4(quad[2], quad[3], 0x88), _mm512_shuffle_f32x4(quad[2], quad[3], 0xdd));
  return {_mm512_add_ps(_mm512_shuffle_f32x4(low, high, 0x88), _mm512_shuffle_f32x4(low, high, 0xdd))};
}

/// Transposes the 4 x 4 floats that four vectors hold in each of their 128-bit lanes.
CREST_INLINE void transpose_lanes(const Vec* a, __m512* to) {
  const __m512 low01 = _mm512_unpacklo_ps(a[0].v, a[1].v), high01 = _mm512_unpackhi_ps(a[0].v, a[1].v);
  const __m512 low23 = _mm512_unpacklo_ps(a[2].v, a[3].v), high23 = _mm512_unpackhi_ps(a[2].v, a[3].v);
  const __m512d p = _mm512_castps_pd(low01), q = _mm512_castps_pd(low23);
  const __m512d r = _mm512_castps_pd(high01), s = _mm512_castps_pd(high23);
  to[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(p, q)), to[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(p, q));
  to[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(r, s)), to[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(r, s));
}

/// Rows become columns.
CREST_INLINE void transpose(Vec* a) {
  __m512 quad[16];
  CREST_UNROLL for (int i = 0; i < 16; i += 4) transpose_lanes(a + i, quad + i);
  CREST_UNROLL for (int i = 0; i < 4; ++i) {
    const __m512 even0 = _mm512_shuffle_f32x4(quad[i], quad[4 + i], 0x88);
    const __m512 odd0 = _mm512_shuffle_f32x4(quad[i], quad[4 + i], 0xdd);
    const __m512 even1 = _mm512_shuffle_f32x4(quad[8 + i], quad[12 + i], 0x88);
    const __m512 odd1 = _mm512_shuffle_f32x4(quad[8 + i], quad[12 + i], 0xdd);
    a[i].v = _mm512_shuffle_f32x4(even0, even1, 0x88), a[8 + i].v = _mm512_shuffle_f32x4(even0, even1, 0xdd);
    a[4 + i].v = _mm512_shuffle_f32x4(odd0, odd1, 0x88), a[12 + i].v = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
  }
}

/// Four rows become their elements by turns: a[0] holds the first W / 4 elements of each.
CREST_INLINE void interleave(Vec* a) {
  __m512 x[4];
  transpose_lanes(a, x);
  const __m512 front01 = _mm512_shuffle_f32x4(x[0], x[1], 0x44), front23 = _mm512_shuffle_f32x4(x[2], x[3], 0x44);
  const __m512 back01 = _mm512_shuffle_f32x4(x[0], x[1], 0xee), back23 = _mm512_shuffle_f32x4(x[2], x[3], 0xee);
  a[0].v = _mm512_shuffle_f32x4(front01, front23, 0x88), a[1].v = _mm512_shuffle_f32x4(front01, front23, 0xdd);
  a[2].v = _mm512_shuffle_f32x4(back01, back23, 0x88), a[3].v = _mm512_shuffle_f32x4(back01, back23, 0xdd);
}

CREST_INLINE unsigned mask_not_less(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ); }
CREST_INLINE Vec load(const i8* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
}
CREST_INLINE Vec load_part(const i8* p, Index n) {
  const __m128i bytes = _mm_maskz_loadu_epi8(first(n), p);
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
}
/// Nibbles less 8: the low or the high halves of Vec::width bytes.
template <bool High>
CREST_INLINE Vec load_nibbles(const std::byte* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i halves = _mm_and_si128(High ? _mm_srli_epi16(bytes, 4) : bytes, _mm_set1_epi8(15));
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_sub_epi8(halves, _mm_set1_epi8(8))))};
}

/// 16 lanes of four bytes, or of sums of their products.
struct Ints {
  __m512i v;
};
CREST_INLINE Ints zero_ints() { return {_mm512_setzero_si512()}; }
CREST_INLINE Ints load_ints(const std::byte* p) { return {_mm512_loadu_si512(p)}; }
CREST_INLINE Ints bit_field(Ints a, const SketchField& f) {
  const __m512i shifted = _mm512_srlv_epi32(a.v, _mm512_set1_epi32(f.shift));
  return {_mm512_and_si512(shifted, _mm512_set1_epi32(static_cast<int>(f.mask)))};
}
/// sum += products of unsigned codes and four signed query bytes. With VNNI one instruction, encoded here because the
/// region is compiled for CPUs without it; else 16-bit sums, which the query's scale keeps from overflowing.
template <bool Wide>
CREST_INLINE Ints dot4(Ints sum, Ints codes, std::uint32_t q) {
  const __m512i qs = _mm512_set1_epi32(static_cast<int>(q));
  if constexpr (Wide) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.v) : "v"(codes.v), "v"(qs));
    return sum;
  } else {
    return {_mm512_add_epi16(sum.v, _mm512_maddubs_epi16(codes.v, qs))};
  }
}
template <bool Wide>
CREST_INLINE Vec sums_of(Ints a) {
  return {_mm512_cvtepi32_ps(Wide ? a.v : _mm512_madd_epi16(a.v, _mm512_set1_epi16(1)))};
}
/// 32 integers of 16 bits: few-bit elements of a row, or a query rounded to such.
struct Shorts {
  __m512i v;
};
CREST_INLINE Shorts load_shorts(const std::int16_t* p) { return {_mm512_loadu_si512(p)}; }
CREST_INLINE Shorts load_shorts(const i8* p) {
  return {_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
/// The first n, zeros behind them.
CREST_INLINE Shorts load_shorts(const i8* p, Index n) {
  const __mmask32 some = n < 32 ? (1u << n) - 1u : ~0u;
  return {_mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(some, p))};
}
/// Nibbles less 8 of a block of 32, from the x-th on.
CREST_INLINE Shorts nibble_shorts(const std::byte* p, Index) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m256i both = _mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes);
  const __m256i halves = _mm256_and_si256(both, _mm256_set1_epi8(15));
  return {_mm512_cvtepi8_epi16(_mm256_sub_epi8(halves, _mm256_set1_epi8(8)))};
}
/// sum += products of two neighbours a lane. With VNNI one instruction.
template <bool Wide>
CREST_INLINE Ints dot2(Ints sum, Shorts a, Shorts b) {
  if constexpr (Wide) {
    asm("vpdpwssd %2, %1, %0" : "+v"(sum.v) : "v"(a.v), "v"(b.v));
    return sum;
  } else {
    return {_mm512_add_epi32(sum.v, _mm512_madd_epi16(a.v, b.v))};
  }
}
CREST_INLINE Vec as_floats(Ints a) { return {_mm512_cvtepi32_ps(a.v)}; }

/// Floats whose bits are base + (byte << 20).
CREST_INLINE Vec load_scales(const std::byte* p, std::uint32_t base) {
  const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return {
      _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(bytes, 20), _mm512_set1_epi32(static_cast<int>(base))))};
}
/// Calls f(std::true_type) where sums of products are 32 bits wide, f(std::false_type) where they are 16.
template <class F>
CREST_INLINE auto with_dot(F&& f) {
  return detail::this_cpu().vnni ? f(std::true_type{}) : f(std::false_type{});
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
