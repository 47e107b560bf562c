// Vec of 4 floats (AArch64 Advanced SIMD, part of every AArch64 CPU).

inline constexpr int tile = 16;  ///< accumulators a register tile may hold: half of the 32 registers

struct Vec {
  static constexpr int width = 4;
  float32x4_t v;
};

CREST_INLINE Vec zero() { return {vdupq_n_f32(0.0f)}; }
CREST_INLINE Vec broadcast(float x) { return {vdupq_n_f32(x)}; }
CREST_INLINE Vec broadcast(f16 x) { return {vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(x.bits)))}; }

/// Four 16-bit elements, at any alignment.
CREST_INLINE uint16x4_t load_bits(const void* p) {
  return vreinterpret_u16_u8(vld1_u8(static_cast<const std::uint8_t*>(p)));
}
CREST_INLINE Vec load(const float* p) {
  return {vreinterpretq_f32_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(p)))};
}
CREST_INLINE Vec load(const f16* p) { return {vcvt_f32_f16(vreinterpret_f16_u16(load_bits(p)))}; }
CREST_INLINE Vec load(const bf16* p) { return {vreinterpretq_f32_u32(vshll_n_u16(load_bits(p), 16))}; }
CREST_INLINE void store(float* p, Vec a) { vst1q_u8(reinterpret_cast<std::uint8_t*>(p), vreinterpretq_u8_f32(a.v)); }
/// Rounded to bf16, to nearest even, in the low halves of lanes; NaN stays NaN.
CREST_INLINE uint32x4_t round_bf16(Vec a) {
  const uint32x4_t bits = vreinterpretq_u32_f32(a.v), high = vshrq_n_u32(bits, 16);
  const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(vandq_u32(high, vdupq_n_u32(1)), vdupq_n_u32(0x7fff)));
  const uint32x4_t number = vceqq_f32(a.v, a.v), quiet = vorrq_u32(high, vdupq_n_u32(0x40));
  return vbslq_u32(number, vshrq_n_u32(rounded, 16), quiet);
}
CREST_INLINE void store(bf16* p, Vec a) {
  vst1_u8(reinterpret_cast<std::uint8_t*>(p), vreinterpret_u8_u16(vmovn_u32(round_bf16(a))));
}
/// Stores numbers that bf16 has by turns: a[0], b[0], a[1] ...
CREST_INLINE void store_pairs(bf16* p, Vec a, Vec b) {
  const uint32x4_t pairs = vsriq_n_u32(vreinterpretq_u32_f32(b.v), vreinterpretq_u32_f32(a.v), 16);
  vst1q_u8(reinterpret_cast<std::uint8_t*>(p), vreinterpretq_u8_u32(pairs));
}

CREST_INLINE Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
CREST_INLINE Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
CREST_INLINE Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
CREST_INLINE Vec operator/(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
CREST_INLINE Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
CREST_INLINE Vec max(Vec floor, Vec x) { return {vmaxq_f32(floor.v, x.v)}; }
CREST_INLINE Vec min(Vec ceiling, Vec x) { return {vminq_f32(ceiling.v, x.v)}; }
/// The largest lane; where some are not numbers, any lane.
CREST_INLINE float lane_max(Vec a) { return vmaxvq_f32(a.v); }
CREST_INLINE bool any_greater(Vec a, Vec b) { return vmaxvq_u32(vcgtq_f32(a.v, b.v)) != 0; }
CREST_INLINE bool any_not_less(Vec a, Vec b) { return vminvq_u32(vcltq_f32(a.v, b.v)) == 0; }
CREST_INLINE Vec round(Vec a) { return {vrndnq_f32(a.v)}; }
CREST_INLINE Vec exp2_integer(Vec n) {
  const int32x4_t exponent = vaddq_s32(vcvtnq_s32_f32(n.v), vdupq_n_s32(127));
  return {vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23))};
}

/// One vector of the 4 sums of 4 vectors.
CREST_INLINE Vec sums(const Vec* a) { return {vpaddq_f32(vpaddq_f32(a[0].v, a[1].v), vpaddq_f32(a[2].v, a[3].v))}; }

/// Rows become columns.
CREST_INLINE void transpose(Vec* a) {
  const float32x4x2_t p = vzipq_f32(a[0].v, a[2].v), q = vzipq_f32(a[1].v, a[3].v);
  const float32x4x2_t low = vzipq_f32(p.val[0], q.val[0]), high = vzipq_f32(p.val[1], q.val[1]);
  a[0].v = low.val[0], a[1].v = low.val[1], a[2].v = high.val[0], a[3].v = high.val[1];
}

/// Four rows become their elements by turns: a[0] holds the first W / 4 elements of each.
CREST_INLINE void interleave(Vec* a) { transpose(a); }

CREST_INLINE unsigned mask_not_less(Vec a, Vec b) {
  const uint32x4_t bit = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(vcgeq_f32(a.v, b.v), bit));
}
CREST_INLINE Vec load(const i8* p) {
  std::uint32_t bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  const int16x8_t wide = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(bytes)));
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)))};
}
/// Nibbles less 8: the low or the high halves of Vec::width bytes.
template <bool High>
CREST_INLINE Vec load_nibbles(const std::byte* p) {
  std::uint32_t bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  const uint8x8_t four = vreinterpret_u8_u32(vdup_n_u32(High ? bytes >> 4 & 0x0f0f0f0fu : bytes & 0x0f0f0f0fu));
  const int16x8_t wide = vmovl_s8(vsub_s8(vreinterpret_s8_u8(four), vdup_n_s8(8)));
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)))};
}

/// 4 lanes of four bytes, or of sums of their products.
struct Ints {
  uint32x4_t v;
};
CREST_INLINE Ints zero_ints() { return {vdupq_n_u32(0)}; }
CREST_INLINE Ints load_ints(const std::byte* p) {
  return {vreinterpretq_u32_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(p)))};
}
CREST_INLINE Ints bit_field(Ints a, const SketchField& f) {
  return {vandq_u32(vshlq_u32(a.v, vdupq_n_s32(-f.shift)), vdupq_n_u32(f.mask))};
}
/// sum += products of codes and four signed query bytes, in 16-bit sums, which the query's scale keeps from
/// overflowing.
template <bool>
CREST_INLINE Ints dot4(Ints sum, Ints codes, std::uint32_t q) {
  const int8x16_t a = vreinterpretq_s8_u32(codes.v), b = vreinterpretq_s8_u32(vdupq_n_u32(q));
  const int16x8_t pairs = vpaddq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vmull_high_s8(a, b));
  return {vreinterpretq_u32_s16(vaddq_s16(vreinterpretq_s16_u32(sum.v), pairs))};
}
template <bool>
CREST_INLINE Vec sums_of(Ints a) {
  return {vcvtq_f32_s32(vpaddlq_s16(vreinterpretq_s16_u32(a.v)))};
}
template <class F>
CREST_INLINE auto with_dot(F&& f) {
  return f(std::false_type{});
}

/// 8 integers of 16 bits: few-bit elements of a row, or a query rounded to such.
struct Shorts {
  int16x8_t v;
};
CREST_INLINE Shorts load_shorts(const std::int16_t* p) {
  return {vreinterpretq_s16_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(p)))};
}
CREST_INLINE Shorts load_shorts(const i8* p) { return {vmovl_s8(vld1_s8(reinterpret_cast<const std::int8_t*>(p)))}; }
/// Nibbles less 8 of a block of 32, from the x-th on.
CREST_INLINE Shorts nibble_shorts(const std::byte* p, Index x) {
  const uint8x8_t bytes = vld1_u8(reinterpret_cast<const std::uint8_t*>(p) + x % 16);
  const uint8x8_t halves = x < 16 ? vand_u8(bytes, vdup_n_u8(15)) : vshr_n_u8(bytes, 4);
  return {vmovl_s8(vsub_s8(vreinterpret_s8_u8(halves), vdup_n_s8(8)))};
}
/// sum += products of two elements a lane.
template <bool>
CREST_INLINE Ints dot2(Ints sum, Shorts a, Shorts b) {
  const int32x4_t low = vmlal_s16(vreinterpretq_s32_u32(sum.v), vget_low_s16(a.v), vget_low_s16(b.v));
  return {vreinterpretq_u32_s32(vmlal_high_s16(low, a.v, b.v))};
}
CREST_INLINE Vec as_floats(Ints a) { return {vcvtq_f32_s32(vreinterpretq_s32_u32(a.v))}; }

/// Floats whose bits are base + (byte << 20).
CREST_INLINE Vec load_scales(const std::byte* p, std::uint32_t base) {
  std::uint32_t bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(bytes)));
  const uint32x4_t code = vmovl_u16(vget_low_u16(wide));
  return {vreinterpretq_f32_u32(vaddq_u32(vshlq_n_u32(code, 20), vdupq_n_u32(base)))};
}
