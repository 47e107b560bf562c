// The device of crest::ascend on the host: GmAlloc and ICPU_RUN_KF, from the emulation or from CANN's CPU-debug
// library.
#pragma once

#include <array>
#include <cstring>
#include <vector>

#include "ascend/entry_points.hpp"
#include "crest/ascend/device.hpp"
#include "kernel_operator.h"
#include "tikicpulib.h"

namespace test {

using crest::ascend::Kernel;
using crest::ascend::Region;

class EmulatedDevice {
 public:
  explicit EmulatedDevice(int cores = 8) : cores_(cores) {}
  EmulatedDevice(const EmulatedDevice&) = delete;
  EmulatedDevice& operator=(const EmulatedDevice&) = delete;
  ~EmulatedDevice() {
    for (auto& r : memory_)
      if (r.data) AscendC::GmFree(r.data);
  }

  /// Always of exactly this size, so that the guard page follows the last byte.
  bool reserve(Region region, std::size_t bytes) {
    Memory& m = memory_[static_cast<std::size_t>(region)];
    if (m.data) AscendC::GmFree(m.data);
    m = {static_cast<std::uint8_t*>(AscendC::GmAlloc(bytes)), bytes};
    return m.data != nullptr;
  }
  bool upload(Region region, const void* from, std::size_t bytes) {
    std::memcpy(at(region), from, bytes);
    return true;
  }
  bool download(void* to, Region region, std::size_t bytes) {
    std::memcpy(to, at(region), bytes);
    return true;
  }
  /// `cores` vector cores; two of them make an AI core.
  int workers(Kernel kernel) const { return kernel == Kernel::clustered_mix ? (cores_ + 1) / 2 : cores_; }

  bool launch(Kernel kernel, int blocks) {
    using R = Region;
    AscendC::SetKernelMode(kernel == Kernel::clustered_mix ? KernelMode::MIX_MODE : KernelMode::AIV_MODE);
    switch (kernel) {
      case Kernel::exact:
        ICPU_RUN_KF(crest_exact, blocks, at(R::q), at(R::k), at(R::v), at(R::pages), at(R::items), at(R::records),
                    at(R::info), at(R::tiling));
        break;
      case Kernel::merge:
        ICPU_RUN_KF(crest_merge, blocks, at(R::records), at(R::groups), at(R::results), at(R::tiling));
        break;
      case Kernel::clustered:
        ICPU_RUN_KF(crest_clustered, blocks, at(R::q), at(R::k), at(R::v), at(R::samples), at(R::pages), at(R::items),
                    at(R::records), at(R::info), at(R::tiling));
        break;
      case Kernel::sketched:
        ICPU_RUN_KF(crest_sketched, blocks, at(R::q), at(R::k), at(R::v), at(R::sketch), at(R::pages), at(R::items),
                    at(R::records), at(R::info), at(R::tiling));
        break;
      case Kernel::clustered_mix:
#if __CCE_AICORE__ == 220
        ICPU_RUN_KF(crest_clustered_mix, blocks, at(R::q), at(R::k), at(R::v), at(R::samples), at(R::pages),
                    at(R::items), at(R::records), at(R::info), at(R::slots), at(R::tiling));
        break;
#else
        return false;
#endif
    }
#if defined(ASCEND_EMU)
    traces_.push_back(ascend_emu::Launcher::get().trace);
#endif
    return true;
  }

#if defined(ASCEND_EMU)
  /// What the launches since the last forget() did.
  const std::vector<ascend_emu::Trace>& traces() const { return traces_; }
  void forget() { traces_.clear(); }
#endif

  std::uint8_t* at(Region region) const { return memory_[static_cast<std::size_t>(region)].data; }

 private:
  struct Memory {
    std::uint8_t* data = nullptr;
    std::size_t bytes = 0;
  };

  int cores_;
  std::array<Memory, crest::ascend::regions> memory_{};
#if defined(ASCEND_EMU)
  std::vector<ascend_emu::Trace> traces_;
#endif
};

/// A device that fails where it is told to.
struct FailingDevice {
  bool memory = true, copies = true, launches = true;

  bool reserve(Region, std::size_t) { return memory; }
  bool upload(Region, const void*, std::size_t) { return copies; }
  bool download(void*, Region, std::size_t) { return copies; }
  int workers(Kernel) const { return 1; }
  bool launch(Kernel, int) { return launches; }
};

}  // namespace test
