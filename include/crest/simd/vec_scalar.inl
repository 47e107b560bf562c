// Vec of one float: the reference that every other backend is compared with.

inline constexpr int tile = 4;  ///< accumulators a register tile may hold

struct Vec {
  static constexpr int width = 1;
  float v;
};

CREST_INLINE Vec zero() { return {0.0f}; }
CREST_INLINE Vec broadcast(float x) { return {x}; }

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
CREST_INLINE void store(float* p, Vec a) { std::memcpy(p, &a.v, sizeof a.v); }

CREST_INLINE Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
CREST_INLINE Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
CREST_INLINE Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
CREST_INLINE Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
CREST_INLINE Vec max(Vec floor, Vec x) { return {floor.v > x.v ? floor.v : x.v}; }
CREST_INLINE Vec min(Vec ceiling, Vec x) { return {ceiling.v < x.v ? ceiling.v : x.v}; }
CREST_INLINE bool any_greater(Vec a, Vec b) { return a.v > b.v; }
CREST_INLINE Vec round(Vec a) { return {std::nearbyint(a.v)}; }
CREST_INLINE Vec exp2_integer(Vec n) {
  return {std::bit_cast<float>(static_cast<std::uint32_t>(static_cast<std::int32_t>(n.v == n.v ? n.v : 0.0f) + 127)
                               << 23)};
}
CREST_INLINE Vec sums(const Vec* a) { return a[0]; }
