// Elements of a row by their place, whatever the row is made of: floats of any size, or blocks of few-bit elements that
// become floats on their way into a register. Nothing is dequantised to memory.

/// W elements from place x on. Blocks: x is a multiple of the vector width.
template <class T>
CREST_INLINE Vec load_at(const T* row, Index x) {
  return load(row + x);
}
/// The block that holds element x, byte by byte: blocks may lie anywhere.
template <class T>
CREST_INLINE const std::byte* block_of(const T* row, Index x) {
  return reinterpret_cast<const std::byte*>(row) + x / elements_in<T> * Index{sizeof(T)};
}
CREST_INLINE Vec block_scale(const std::byte* block) {
  f16 scale;
  std::memcpy(&scale, block, sizeof scale);
  return broadcast(scale);
}

CREST_INLINE Vec load_at(const q8_0* row, Index x) {
  const std::byte* block = block_of(row, x);
  return load(reinterpret_cast<const i8*>(block + sizeof(f16)) + x % elements_in<q8_0>) * block_scale(block);
}
/// Nibbles: the first 16 elements of a block are the low halves of its bytes, the others the high ones; 8 stands for 0.
CREST_INLINE Vec nibbles_at(const std::byte* bytes, Index x) {
  return x < 16 ? load_nibbles<false>(bytes + x) : load_nibbles<true>(bytes + x - 16);
}
CREST_INLINE Vec load_at(const q4_0* row, Index x) {
  const std::byte* block = block_of(row, x);
  return nibbles_at(block + sizeof(f16), x % elements_in<q4_0>) * block_scale(block);
}
CREST_INLINE Vec load_at(const i4x32* row, Index x) { return nibbles_at(block_of(row, x), x % elements_in<i4x32>); }

/// At most n elements from place x on, zeros behind. Rows of blocks have no partial vectors.
template <class T>
CREST_INLINE Vec load_at(const T* row, Index x, Index n) {
  if constexpr (elements_in < T >> 1)
    return load_at(row, x);
  else
    return load_first(row + x, n);
}

/// 2 W elements from place x on, a multiple of that, as integers without the factors of their blocks.
CREST_INLINE Shorts shorts_at(const i8* row, Index x) { return load_shorts(row + x); }
CREST_INLINE Shorts shorts_at(const i4x32* row, Index x) {
  return nibble_shorts(block_of(row, x), x % elements_in<i4x32>);
}
CREST_INLINE Shorts shorts_at(const q8_0* row, Index x) {
  return load_shorts(reinterpret_cast<const i8*>(block_of(row, x) + sizeof(f16)) + x % elements_in<q8_0>);
}
CREST_INLINE Shorts shorts_at(const q4_0* row, Index x) {
  return nibble_shorts(block_of(row, x) + sizeof(f16), x % elements_in<q4_0>);
}
