// Runs the cores of a launch one at a time, in an order drawn from a seed, and hands over where a core waits.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "emu/violation.h"

namespace ascend_emu {

class Scheduler {
 public:
  explicit Scheduler(uint32_t seed) : random_(seed) {}

  /// Runs every body to its end; rethrows what the first failing one threw.
  void run(std::vector<std::function<void()>> bodies) {
    waiting_.assign(bodies.size(), [] { return true; });
    done_.assign(bodies.size(), false);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < bodies.size(); ++i) threads.emplace_back([&, i] { live(int(i), bodies[i]); });
    {
      std::lock_guard lock(mutex_);
      pass_on();
    }
    for (auto& t : threads) t.join();
    if (failure_) std::rethrow_exception(failure_);
  }

  /// Called by the running core: others run until `ready` holds.
  void wait_until(std::function<bool()> ready) {
    std::unique_lock lock(mutex_);
    const int me = turn_;
    waiting_[me] = std::move(ready);
    pass_on();
    await(lock, me);
  }

 private:
  struct Stopped {};

  void live(int me, const std::function<void()>& body) {
    try {
      {
        std::unique_lock lock(mutex_);
        await(lock, me);
      }
      body();
    } catch (const Stopped&) {
    } catch (...) {
      std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    std::lock_guard lock(mutex_);
    done_[me] = true;
    pass_on();
  }

  void await(std::unique_lock<std::mutex>& lock, int me) {
    changed_.wait(lock, [&] { return turn_ == me; });
    if (failure_) throw Stopped{};
  }

  /// Gives the turn to a random core that can go on. After a failure everybody gets a turn, to stop.
  void pass_on() {
    std::vector<int> able;
    bool unfinished = false;
    for (size_t i = 0; i < done_.size(); ++i) {
      unfinished |= !done_[i];
      if (!done_[i] && (failure_ || waiting_[i]())) able.push_back(int(i));
    }
    if (able.empty() && unfinished) {
      failure_ = std::make_exception_ptr(Violation(Check::deadlock, "every unfinished core waits for another"));
      return pass_on();
    }
    turn_ = able.empty() ? -1 : able[random_() % able.size()];
    changed_.notify_all();
  }

  std::mt19937 random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<bool()>> waiting_;
  std::vector<bool> done_;
  std::exception_ptr failure_;
  int turn_ = -1;
};

}  // namespace ascend_emu
