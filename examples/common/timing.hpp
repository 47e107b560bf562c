// Timing: the minimum over repeats. The minimum is what the machine can do; everything above it is somebody else's
// work.
#pragma once

#include <time.h>

#include <algorithm>
#include <limits>
#ifdef __linux__
#include <sched.h>
#endif

#include "crest/core/view.hpp"

namespace demo {

/// Keeps the calling thread on the core it runs on.
inline void pin_this_thread() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sched_getcpu(), &set);
  sched_setaffinity(0, sizeof set, &set);
#endif
}

/// Seconds on a clock fit for `threads` threads. One thread: its CPU time, which does not run while others do.
inline double seconds(crest::Index threads) {
  timespec t;
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Seconds of the fastest of `repeat` calls.
template <class F>
double best_seconds(int repeat, crest::Index threads, F&& call) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < repeat; ++i) {
    const double start = seconds(threads);
    call();
    best = std::min(best, seconds(threads) - start);
  }
  return best;
}

/// Seconds on the wall since it was made.
class Elapsed {
 public:
  double operator()() const { return seconds(2) - start_; }

 private:
  double start_ = seconds(2);
};

}  // namespace demo
