// What vectors do that have no instructions of their own for it.

/// Stores numbers that bf16 has.
CREST_INLINE void store_whole(bf16* p, Vec a) { store(p, a); }

/// A number as the nearest whole one and what is left of it, as 2^x needs them. max and min return their second operand
/// when it is NaN.
struct Split {
  Vec whole, fraction;
};
CREST_INLINE Split split(Vec x) {
  x = min(broadcast(128.0f), max(broadcast(-127.0f), x));
  return {round(x), x - round(x)};
}
/// a 2^n, 0 where n is below -126.
CREST_INLINE Vec scale_by_power(Vec a, Vec n) { return a * exp2_integer(n); }
