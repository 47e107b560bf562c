// Executors with threads: OpenMP and Pool. An engine brings its own in ten lines: see crest/core/executor.hpp.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "crest/attention.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace crest {
inline namespace CREST_ABI {

#if defined(_OPENMP)

/// Runs tasks on an OpenMP team of at most `threads` threads.
class OpenMP {
 public:
  explicit OpenMP(int threads) : threads_(threads < 1 ? 1 : threads) {}

  Index size() const { return threads_; }

  template <class F>
  void parallel(Index tasks, F&& f) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
    for (Index task = 0; task < tasks; ++task) f(static_cast<Index>(omp_get_thread_num()), task);
  }

  std::span<std::byte> scratch(std::size_t bytes) noexcept { return scratch_.get(bytes); }

 private:
  int threads_;
  ScratchBuffer scratch_;
};

#endif

/// A persistent pool: the calling thread and `threads` - 1 workers, which spin for about 20 us before they sleep. Where
/// a worker cannot be started, the constructor throws what std::jthread throws; calls never throw.
class Pool {
 public:
  explicit Pool(int threads) {
    for (Index id = 1; id < threads; ++id)
      workers_.emplace_back([this, id](const std::stop_token& stop) { work(stop, id); });
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  Index size() const { return static_cast<Index>(workers_.size()) + 1; }

  template <class F>
  void parallel(Index tasks, F&& f) {
    if (tasks <= 1 || workers_.empty()) {
      for (Index task = 0; task < tasks; ++task) f(Index{0}, task);
      return;
    }
    call_ = [](void* context, Index thread, Index task) {
      (*static_cast<std::remove_reference_t<F>*>(context))(thread, task);
    };
    context_ = const_cast<void*>(static_cast<const void*>(&f));
    tasks_ = tasks;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(static_cast<Index>(workers_.size()), std::memory_order_relaxed);
    start_round();
    take_tasks(0);
    for (int i = 0; busy_.load(std::memory_order_acquire) != 0; ++i) i < spins ? pause() : std::this_thread::yield();
  }

  std::span<std::byte> scratch(std::size_t bytes) noexcept { return scratch_.get(bytes); }

 private:
  static constexpr int spins = 1000;  ///< about 20 us of pauses

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
  }

  void start_round() {
    {
      const std::lock_guard lock(mutex_);
      round_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
  }

  void take_tasks(Index thread) {
    for (Index task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) call_(context_, thread, task);
  }

  void work(const std::stop_token& stop, Index id) {
    for (std::uint64_t seen = 0;;) {
      seen = wait_for_round(stop, seen);
      if (stop.stop_requested()) return;
      take_tasks(id);
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }

  /// The number of the first round after `seen`; any number once a stop is requested.
  std::uint64_t wait_for_round(const std::stop_token& stop, std::uint64_t seen) {
    for (int i = 0; i < spins; ++i) {
      if (const std::uint64_t now = round_.load(std::memory_order_acquire); now != seen) return now;
      pause();
    }
    std::unique_lock lock(mutex_);
    wake_.wait(lock, stop, [&] { return round_.load(std::memory_order_relaxed) != seen; });
    return round_.load(std::memory_order_acquire);
  }

  void (*call_)(void*, Index, Index) = nullptr;
  void* context_ = nullptr;
  Index tasks_ = 0;
  alignas(64) std::atomic<Index> next_{0};
  alignas(64) std::atomic<Index> busy_{0};
  alignas(64) std::atomic<std::uint64_t> round_{0};
  std::mutex mutex_;
  std::condition_variable_any wake_;
  ScratchBuffer scratch_;
  std::vector<std::jthread> workers_;  ///< last: stopped and joined before anything they use is destroyed
};

}  // namespace CREST_ABI
}  // namespace crest
