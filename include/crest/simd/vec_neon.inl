// Vec of 4 floats (AArch64 Advanced SIMD, part of every AArch64 CPU).

inline constexpr int tile = 16;  ///< accumulators a register tile may hold: half of the 32 registers

struct Vec {
  static constexpr int width = 4;
  float32x4_t v;
};

CREST_INLINE Vec zero() { return {vdupq_n_f32(0.0f)}; }
CREST_INLINE Vec broadcast(float x) { return {vdupq_n_f32(x)}; }

/// Four 16-bit elements, at any alignment.
CREST_INLINE uint16x4_t load_bits(const void* p) {
  return vreinterpret_u16_u8(vld1_u8(static_cast<const std::uint8_t*>(p)));
}
CREST_INLINE Vec load(const float* p) {
  return {vreinterpretq_f32_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(p)))};
}
CREST_INLINE Vec load(const f16* p) { return {vcvt_f32_f16(vreinterpret_f16_u16(load_bits(p)))}; }
CREST_INLINE Vec load(const bf16* p) { return {vreinterpretq_f32_u32(vshll_n_u16(load_bits(p), 16))}; }
CREST_INLINE void store(float* p, Vec a) {
  vst1q_u8(reinterpret_cast<std::uint8_t*>(p), vreinterpretq_u8_f32(a.v));
}

CREST_INLINE Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
CREST_INLINE Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
CREST_INLINE Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
CREST_INLINE Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
CREST_INLINE Vec max(Vec floor, Vec x) { return {vmaxq_f32(floor.v, x.v)}; }
CREST_INLINE Vec min(Vec ceiling, Vec x) { return {vminq_f32(ceiling.v, x.v)}; }
CREST_INLINE bool any_greater(Vec a, Vec b) { return vmaxvq_u32(vcgtq_f32(a.v, b.v)) != 0; }
CREST_INLINE Vec round(Vec a) { return {vrndnq_f32(a.v)}; }
CREST_INLINE Vec exp2_integer(Vec n) {
  const int32x4_t exponent = vaddq_s32(vcvtnq_s32_f32(n.v), vdupq_n_s32(127));
  return {vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23))};
}

/// One vector of the 4 sums of 4 vectors.
CREST_INLINE Vec sums(const Vec* a) {
  return {vpaddq_f32(vpaddq_f32(a[0].v, a[1].v), vpaddq_f32(a[2].v, a[3].v))};
}
