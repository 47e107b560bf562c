// No tile registers: the model stands for them.

/// Calls f(tiles) with what stands for tile registers.
template <class F>
void with_tiles(TileUnit, F&& f) {
  TileModel tiles;
  f(tiles);
}
