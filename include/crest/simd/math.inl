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

/// 2^x. Below -127 the result is 0, from 127.5 on infinite; NaN stays NaN. Relative error below 1.5e-7 (minimax
/// polynomial of degree 6 on
/// [-1/2, 1/2], its own error 2e-9). max and min return their second operand when it is NaN.
CREST_INLINE Vec exp2(Vec x) {
  x = min(broadcast(128.0f), max(broadcast(-127.0f), x));
  const Vec n = round(x), f = x - n;
  Vec p = broadcast(0x1.444p-13f);
  p = fma(p, f, broadcast(0x1.5f48cp-10f));
  p = fma(p, f, broadcast(0x1.3b2a1cp-7f));
  p = fma(p, f, broadcast(0x1.c6aeccp-5f));
  p = fma(p, f, broadcast(0x1.ebfbep-3f));
  p = fma(p, f, broadcast(0x1.62e43p-1f));
  p = fma(p, f, broadcast(1.0f));
  return p * exp2_integer(n);
}
