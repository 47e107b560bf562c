// Pinned threads that start together, and the clock they are timed with.
#pragma once

#include <sched.h>

#include <atomic>
#include <functional>

namespace bench {

/// Number of CPUs this process may use.
int cpu_count();

/// Pins the calling thread to the CPU of thread number `thread`.
void pin(int thread);

/// The same while it lives; afterwards the thread may run where it could before.
class Pinned {
 public:
  explicit Pinned(int thread);
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned();

 private:
  cpu_set_t before_;
};

/// Threads meet here; they spin, and yield after a while so that a busy machine does not lock up.
class SpinBarrier {
 public:
  explicit SpinBarrier(int threads) : threads_(threads) {}
  void wait();

 private:
  const int threads_;
  std::atomic<int> arrived_{0}, generation_{0};
};

/// Seconds of wall time. Not CPU time: where a hypervisor steals, that clock sometimes runs slow, and a minimum finds
/// it.
double now();

/// Runs f(thread) on `threads` pinned threads, the caller among them, `passes` times; the least seconds of a pass.
double least_seconds(int threads, int passes, const std::function<void(int)>& f);

/// Pins every thread of an executor: each holds one task until all have arrived, so that every thread gets one.
template <class Executor>
void pin_threads(Executor& executor) {
  SpinBarrier all(static_cast<int>(executor.size()));
  executor.parallel(executor.size(), [&](auto thread, auto) {
    pin(static_cast<int>(thread));
    all.wait();
  });
}

}  // namespace bench
