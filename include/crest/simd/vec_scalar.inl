// Vec of one float: the reference that every other backend is compared with.

inline constexpr int tile = 4;  ///< accumulators a register tile may hold

struct Vec {
  static constexpr int width = 1;
  float v;
};

CREST_INLINE Vec zero() { return {0.0f}; }
CREST_INLINE Vec broadcast(float x) { return {x}; }
CREST_INLINE Vec broadcast(f16 x) { return {to_float(x)}; }

template <class T>
CREST_INLINE Vec load(const T* p) {
  T x;
  std::memcpy(&x, p, sizeof x);
  return {to_float(x)};
}
template <class T>
CREST_INLINE Vec load_part(const T* p, Index) {
  return load(p);
}
/// Nibbles less 8: the low or the high halves of Vec::width bytes.
template <bool High>
CREST_INLINE Vec load_nibbles(const std::byte* p) {
  const int byte = std::to_integer<int>(*p);
  return {static_cast<float>((High ? byte >> 4 : byte & 15) - 8)};
}
CREST_INLINE void store(float* p, Vec a) { std::memcpy(p, &a.v, sizeof a.v); }
CREST_INLINE void store(bf16* p, Vec a) {
  const bf16 x = to_bf16(a.v);
  std::memcpy(p, &x, sizeof x);
}
CREST_INLINE void store_pairs(bf16* p, Vec a, Vec b) { store(p, a), store(p + 1, b); }

CREST_INLINE Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
CREST_INLINE Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
CREST_INLINE Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
CREST_INLINE Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
CREST_INLINE Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
CREST_INLINE Vec max(Vec floor, Vec x) { return {floor.v > x.v ? floor.v : x.v}; }
CREST_INLINE Vec min(Vec ceiling, Vec x) { return {ceiling.v < x.v ? ceiling.v : x.v}; }
/// The largest lane; where some are not numbers, any lane.
CREST_INLINE float lane_max(Vec a) { return a.v; }
CREST_INLINE bool any_greater(Vec a, Vec b) { return a.v > b.v; }
CREST_INLINE bool any_not_less(Vec a, Vec b) { return !(a.v < b.v); }
CREST_INLINE Vec round(Vec a) { return {std::nearbyint(a.v)}; }
CREST_INLINE Vec exp2_integer(Vec n) {
  return {
      std::bit_cast<float>(static_cast<std::uint32_t>(static_cast<std::int32_t>(n.v == n.v ? n.v : 0.0f) + 127) << 23)};
}
CREST_INLINE Vec sums(const Vec* a) { return a[0]; }
CREST_INLINE void transpose(Vec*) {}
CREST_INLINE void interleave(Vec*) {}

CREST_INLINE unsigned mask_not_less(Vec a, Vec b) { return a.v >= b.v; }

/// One lane of four bytes, or of the sum of their products.
struct Ints {
  std::uint32_t v;
};
CREST_INLINE Ints zero_ints() { return {0}; }
CREST_INLINE Ints load_ints(const std::byte* p) {
  Ints a;
  std::memcpy(&a, p, sizeof a);
  return a;
}
CREST_INLINE Ints bit_field(Ints a, const SketchField& f) { return {(a.v >> f.shift) & f.mask}; }
template <bool>
CREST_INLINE Ints dot4(Ints sum, Ints codes, std::uint32_t q) {
  std::int32_t s = static_cast<std::int32_t>(sum.v);
  for (int i = 0; i < 32; i += 8)
    s += static_cast<std::int32_t>(codes.v >> i & 0xffu) * static_cast<std::int8_t>(q >> i & 0xffu);
  return {static_cast<std::uint32_t>(s)};
}
template <bool>
CREST_INLINE Vec sums_of(Ints a) {
  return {static_cast<float>(static_cast<std::int32_t>(a.v))};
}
template <class F>
CREST_INLINE auto with_dot(F&& f) {
  return f(std::true_type{});
}

/// Two integers of 16 bits: few-bit elements of a row, or a query rounded to such.
struct Shorts {
  std::int32_t a, b;
};
CREST_INLINE Shorts load_shorts(const std::int16_t* p) { return {p[0], p[1]}; }
CREST_INLINE Shorts load_shorts(const i8* p) { return {p[0].bits, p[1].bits}; }
/// The first n, zeros behind them.
CREST_INLINE Shorts load_shorts(const i8* p, Index n) { return {p[0].bits, n > 1 ? p[1].bits : 0}; }
/// Nibbles less 8 of a block of 32, from the x-th on.
CREST_INLINE Shorts nibble_shorts(const std::byte* p, Index x) {
  const auto nibble = [&](Index i) { return (std::to_integer<int>(p[i % 16]) >> (i < 16 ? 0 : 4) & 15) - 8; };
  return {nibble(x), nibble(x + 1)};
}
/// sum += products of two neighbours.
template <bool>
CREST_INLINE Ints dot2(Ints sum, Shorts x, Shorts y) {
  const std::int32_t s = static_cast<std::int32_t>(sum.v) + (x.a * y.a + x.b * y.b);
  return {static_cast<std::uint32_t>(s)};
}
CREST_INLINE Vec as_floats(Ints a) { return {static_cast<float>(static_cast<std::int32_t>(a.v))}; }

/// The float whose bits are base + (byte << 20).
CREST_INLINE Vec load_scales(const std::byte* p, std::uint32_t base) {
  return {std::bit_cast<float>(base + (static_cast<std::uint32_t>(*p) << 20))};
}
