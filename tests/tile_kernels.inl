// Kernel text of the test's own: one product of tile registers, on what stands for them.

/// c += a b, as `unit` does it. a: [16][32], b: [16][16][2], c: [16][16].
inline void multiply_in_tiles(Region, TileUnit unit, const bf16* a, const bf16* b, float* c) {
  with_tiles(unit, [&](auto& tiles) {
    tiles.begin();
    tiles.template load<1>(a, 64);
    tiles.template load<2>(b, 64);
    tiles.template load<0>(c, 64);
    tiles.template multiply<0, 1, 2>();
    tiles.template store<0>(c, 64);
  });
}
