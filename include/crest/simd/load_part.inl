// The first n elements, zeros behind them; nothing past them is touched. For backends without masked loads.

template <class T>
CREST_INLINE Vec load_part(const T* p, Index n) {
  T part[Vec::width] = {};
  std::memcpy(part, p, static_cast<std::size_t>(n) * sizeof(T));
  return load(part);
}
CREST_INLINE Shorts load_shorts(const i8* p, Index n) {
  i8 part[2 * Vec::width] = {};
  std::memcpy(part, p, static_cast<std::size_t>(std::min<Index>(n, 2 * Vec::width)));
  return load_shorts(part);
}
