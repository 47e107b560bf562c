#define CREST_USER_KERNELS "peak.inl"
#include "peak.hpp"

#include "team.hpp"

namespace bench {

namespace {

constexpr int most_floats = 32 * 16;  // as many as there are in any register file

/// What the compiler cannot see through: it must neither merge chains nor leave them out.
void hide(float* x) { asm volatile("" : : "r"(x) : "memory"); }

double run(crest::Backend backend) {
  alignas(64) float x[most_floats];
  for (int i = 0; i < most_floats; ++i)
    x[i] = 0.5f + 0.25f * static_cast<float>(i) / most_floats;  // < 1: sums converge
  hide(x);
  double flops = 0;
  crest::dispatch(backend, [&](auto region) { flops = run_fma_chains(region, x); });
  hide(x);
  return flops;
}

}  // namespace

double fma_peak(crest::Backend backend, int threads) {
  double flops = 0;
  const double seconds = least_seconds(threads, 20, [&](int thread) {
    const double done = run(backend);
    if (thread == 0) flops = done;
  });
  return flops * threads / seconds;
}

}  // namespace bench
