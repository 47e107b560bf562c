// Tile registers of the CPU where a task was told to use them.

/// Calls f(tiles) with what stands for tile registers.
template <class F>
void with_tiles(TileUnit unit, F&& f) {
  if (unit == TileUnit::amx) {
    AmxTiles tiles;
    return f(tiles);
  }
  TileModel tiles;
  f(tiles);
}
