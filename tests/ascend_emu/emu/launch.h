// GmAlloc, SetKernelMode, ICPU_RUN_KF, and what a test may ask afterwards.
#pragma once

#include <deque>

#include "emu/core.h"

/// As in the official library: the kind of cores that the next launches start.
enum class KernelMode { MIX_MODE, AIC_MODE, AIV_MODE };

namespace ascend_emu {

/// What one launch did, core by core.
using Trace = std::vector<CoreTrace>;

class Launcher {
 public:
  static Launcher& get() {
    static Launcher launcher;
    return launcher;
  }

  KernelMode mode = KernelMode::MIX_MODE;
  uint32_t seed = 1;  // of the order in which cores run
  Trace trace;        // of the last launch

  template <class Kernel>
  void run(int blocks, const Kernel& kernel) {
    ++launch_;
    require_blocks(blocks);
    Scheduler scheduler(seed + launch_);
    std::deque<PairFlags> flags(blocks);
    std::deque<Core> cores;
    for (const Place& p : places(blocks)) cores.emplace_back(p, scheduler, flags[p.block]);
    std::vector<std::function<void()>> bodies;
    for (Core& core : cores) bodies.push_back([&] { live(core, kernel); });
    scheduler.run(std::move(bodies));
    trace.clear();
    for (Core& core : cores)
      if (!core.place.cube) trace.push_back(std::move(core.trace));
  }

 private:
  template <class Kernel>
  static void live(Core& core, const Kernel& kernel) {
    Core::instance() = &core;
    kernel();
    core.finish();
  }

  void require_blocks(int blocks) const {
    const int most = mode == KernelMode::AIV_MODE ? 50 : 25;
    require(blocks > 0 && blocks <= most, Check::deadlock, "more blocks than cores");
    require(is_910b || mode == KernelMode::AIV_MODE, Check::arch_api, "MIX kernels need 910B");
  }

  /// AIV_MODE: a vector core per block. MIX_MODE: a cube core and two vector cores per block.
  std::vector<Place> places(int blocks) const {
    std::vector<Place> all;
    for (int b = 0; b < blocks; ++b) {
      if (mode == KernelMode::AIV_MODE) {
        all.push_back({b, b, 0, blocks, launch_, false, false});
        continue;
      }
      all.push_back({2 * blocks + b, b, 0, blocks, launch_, true, false});
      for (int sub = 0; sub < 2; ++sub) all.push_back({2 * b + sub, b, sub, blocks, launch_, false, true});
    }
    return all;
  }

  uint32_t launch_ = 0;
};

}  // namespace ascend_emu

/// Starts `kernel` on `blocks` blocks and returns when all cores have finished; throws ascend_emu::Violation.
#define ICPU_RUN_KF(kernel, blocks, ...) ascend_emu::Launcher::get().run(blocks, [&] { kernel(__VA_ARGS__); })

namespace AscendC {

using ::KernelMode;

inline void* GmAlloc(size_t bytes) { return ascend_emu::GlobalMemory::get().alloc(bytes); }
inline void GmFree(void* data) { ascend_emu::GlobalMemory::get().free(data); }
inline void SetKernelMode(KernelMode mode) { ascend_emu::Launcher::get().mode = mode; }

}  // namespace AscendC
