#include "team.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>
#include <vector>

namespace bench {

namespace {

/// The last CPU first: interrupts tend to land on the first.
std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = CPU_SETSIZE; cpu-- > 0;)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

const std::vector<int> cpus = allowed_cpus();  // read at start, before any thread is pinned

}  // namespace

int cpu_count() { return static_cast<int>(cpus.size()); }

void pin(int thread) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpus[thread % cpus.size()], &set);
  sched_setaffinity(0, sizeof set, &set);
}

Pinned::Pinned(int thread) {
  sched_getaffinity(0, sizeof before_, &before_);
  pin(thread);
}

Pinned::~Pinned() { sched_setaffinity(0, sizeof before_, &before_); }

void SpinBarrier::wait() {
  const int generation = generation_.load();
  if (arrived_.fetch_add(1) + 1 == threads_) {
    arrived_ = 0;
    ++generation_;
    return;
  }
  for (int spins = 0; generation_.load() == generation; ++spins)
    if (spins > 10000) std::this_thread::yield();
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double least_seconds(int threads, int passes, const std::function<void(int)>& f) {
  SpinBarrier barrier(threads);
  double least = std::numeric_limits<double>::infinity();
  const auto work = [&](int thread) {
    const Pinned pinned(thread);
    for (int pass = 0; pass < passes; ++pass) {
      barrier.wait();
      const double begin = now();
      f(thread);
      barrier.wait();
      if (thread == 0) least = std::min(least, now() - begin);
    }
  };
  std::vector<std::jthread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  work(0);
  return least;
}

}  // namespace bench
