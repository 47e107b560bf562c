// Chains of multiply-adds. Kernel text: compiled once for every backend, with its own vectors.

/// Two units with a latency of four need 8 chains; 12 and the two factors fit 16 registers. Narrow vectors (NEON) come
/// with more units and 32 registers.
inline constexpr int fma_chains = Vec::width > 4 ? 12 : 24;

/// Returns the flops done. `x`: fma_chains + 2 vectors that differ in every lane: where each chain starts and ends, the
/// factor and the summand.
inline double run_fma_chains(Region, float* x) {
  constexpr int rounds = 20000, W = Vec::width;
  Vec chain[fma_chains];
  CREST_UNROLL for (int i = 0; i < fma_chains; ++i) chain[i] = load(x + i * W);
  const Vec factor = load(x + fma_chains * W), summand = load(x + (fma_chains + 1) * W);
  for (int round = 0; round < rounds; ++round)
    CREST_UNROLL for (int i = 0; i < fma_chains; ++i) chain[i] = fma(chain[i], factor, summand);
  CREST_UNROLL for (int i = 0; i < fma_chains; ++i) store(x + i * W, chain[i]);
  return 2.0 * fma_chains * rounds * W;
}
