// How fast f32 multiply-adds can be done: the other limit of the machine, beside reading (limits.hpp).
#pragma once

#include <crest/attention.hpp>

namespace bench {

/// f32 flops per second of `threads` threads that do nothing but multiply-adds with the vectors of a backend.
double fma_peak(crest::Backend, int threads);

}  // namespace bench
