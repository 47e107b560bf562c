// Elementary functions in terms of Vec.

/// At most `n` elements, zeros behind them; nothing past them is touched.
template <class T>
CREST_INLINE Vec load_first(const T* p, Index n) {
  return n < Vec::width ? load_part(p, n) : load(p);
}
/// Stores at most `n` elements.
CREST_INLINE void store_first(float* p, Vec a, Index n) {
  if (n >= Vec::width) return store(p, a);
  float part[Vec::width];
  store(part, a);
  std::memcpy(p, part, static_cast<std::size_t>(n) * sizeof(float));
}

/// Stores at most `n` elements, rounded.
template <class T>
CREST_INLINE void store_first(T* p, Vec a, Index n) {
  T bits[Vec::width];
  if constexpr (std::is_same_v<T, bf16>) {
    if (n >= Vec::width) return store(p, a);
    store(bits, a);
  } else {
    float part[Vec::width];
    store(part, a);
    for (int i = 0; i < Vec::width; ++i) bits[i] = to_f16(part[i]);
  }
  if (n >= Vec::width)
    std::memcpy(p, bits, sizeof bits);
  else
    for (Index i = 0; i < n; ++i) std::memcpy(p + i, bits + i, sizeof(T));
}

/// Calls f(pointer) with a pointer of the type that the elements at `p` have, to const where p is.
template <class Void, class F>
CREST_INLINE void with_type(Element element, Void* p, F&& f) {
  const auto as = [&]<class T>(std::type_identity<T>) {
    return f(static_cast<std::conditional_t<std::is_const_v<Void>, const T, T>*>(p));
  };
  switch (element) {
    case Element::f32:
      return as(std::type_identity<float>{});
    case Element::f16:
      return as(std::type_identity<f16>{});
    case Element::bf16:
      return as(std::type_identity<bf16>{});
  }
}

/// (2^f - 1) / f for |f| <= 1/2: a minimax polynomial, its own error 2e-9.
CREST_INLINE Vec exp2_slope(Vec f) {
  Vec p = broadcast(0x1.444p-13f);
  p = fma(p, f, broadcast(0x1.5f48cp-10f));
  p = fma(p, f, broadcast(0x1.3b2a1cp-7f));
  p = fma(p, f, broadcast(0x1.c6aeccp-5f));
  p = fma(p, f, broadcast(0x1.ebfbep-3f));
  return fma(p, f, broadcast(0x1.62e43p-1f));
}

/// 2^x. Below -127 the result is 0; from 128 on it is infinite, from 127.5 on it may be; NaN stays NaN. Relative error
/// below 1.5e-7.
CREST_INLINE Vec exp2(Vec x) {
  const Split at = split(x);
  return scale_by_power(fma(exp2_slope(at.fraction), at.fraction, broadcast(1.0f)), at.whole);
}

/// As exp2, with a relative error of up to 1.02e-4, a sixteenth of what rounding to bf16 adds (root mean square).
CREST_INLINE Vec exp2_in_brief(Vec x) {
  const Split at = split(x);
  Vec p = broadcast(0x1.c2a22p-5f);
  p = fma(p, at.fraction, broadcast(0x1.f00c52p-3f));
  p = fma(p, at.fraction, broadcast(0x1.62f5fap-1f));
  return scale_by_power(fma(p, at.fraction, broadcast(1.0f)), at.whole);
}

/// The nearest number of 8 bits of mantissa, which bf16 has; what is not finite, or above 2^111, becomes NaN. Source:
/// Veltkamp's splitting (Dekker 1971).
CREST_INLINE Vec rounded_to_bf16(Vec a) {
  const Vec wide = fma(a, broadcast(0x1p16f), a);
  return wide + (a - wide);
}

/// Sum of the lanes of a vector, in lane order.
CREST_INLINE float lane_sum(Vec a) {
  float lanes[Vec::width], sum = 0;
  store(lanes, a);
  for (float x : lanes) sum += x;
  return sum;
}
