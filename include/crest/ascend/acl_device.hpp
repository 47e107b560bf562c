// The device of crest::ascend on an NPU, through AscendCL. Empty where CANN's headers are not to be found.
#pragma once

#if __has_include(<acl/acl.h>)

#include <acl/acl.h>
#include <aclrtlaunch_crest_clustered.h>
#include <aclrtlaunch_crest_exact.h>
#include <aclrtlaunch_crest_merge.h>
#include <aclrtlaunch_crest_sketched.h>
#if __has_include(<aclrtlaunch_crest_clustered_mix.h>)
#include <aclrtlaunch_crest_clustered_mix.h>  // 910B only
#endif

#include <array>

#include "crest/ascend/device.hpp"

namespace crest {
namespace ascend {

/// The defaults suit every Atlas A2 chip; 310P has 8 AI cores and no MIX kernel. More blocks than cores only queue.
struct AclOptions {
  int device = 0;
  int vector_cores = 40, ai_cores = 20;
  aclrtStream stream = nullptr;  ///< an engine's own stream; AscendCL is then taken as initialised, and left so
};

/// Owns device memory, and the stream unless it was given one. Every error makes the call return false, and so the
/// attention() call a Status; aclGetRecentErrMsg() has the details.
class AclDevice {
 public:
  explicit AclDevice(AclOptions options = {}) : options_(options), stream_(options.stream) {
    if (stream_ == nullptr) open();
  }
  AclDevice(const AclDevice&) = delete;
  AclDevice& operator=(const AclDevice&) = delete;
  ~AclDevice() {
    for (const Memory& m : memory_)
      if (m.data) aclrtFree(m.data);
    if (owned_) close();
  }

  /// Whether device and stream are there.
  bool ready() const { return stream_ != nullptr; }

  bool reserve(Region region, std::size_t bytes) {
    Memory& m = memory(region);
    if (!ready() || bytes <= m.bytes) return ready();
    if (m.data) aclrtFree(m.data);
    m = {};
    if (aclrtMalloc(&m.data, bytes, ACL_MEM_MALLOC_HUGE_FIRST) != ACL_SUCCESS) return false;
    m.bytes = bytes;
    return true;
  }

  bool upload(Region region, const void* from, std::size_t bytes) {
    return finished() && aclrtMemcpy(memory(region).data, memory(region).bytes, from, bytes,
                                     ACL_MEMCPY_HOST_TO_DEVICE) == ACL_SUCCESS;
  }

  bool download(void* to, Region region, std::size_t bytes) {
    return finished() && aclrtMemcpy(to, bytes, memory(region).data, bytes, ACL_MEMCPY_DEVICE_TO_HOST) == ACL_SUCCESS;
  }

  int workers(Kernel kernel) const {
    return kernel == Kernel::clustered_mix ? options_.ai_cores : options_.vector_cores;
  }

  bool launch(Kernel kernel, int blocks) {
    using R = Region;
    const auto n = static_cast<std::uint32_t>(blocks);
    switch (kernel) {
      case Kernel::exact:
        return 0 == ACLRT_LAUNCH_KERNEL(crest_exact)(n, stream_, at(R::q), at(R::k), at(R::v), at(R::pages),
                                                     at(R::items), at(R::records), at(R::info), at(R::tiling));
      case Kernel::clustered:
        return 0 == ACLRT_LAUNCH_KERNEL(crest_clustered)(n, stream_, at(R::q), at(R::k), at(R::v), at(R::samples),
                                                         at(R::pages), at(R::items), at(R::records), at(R::info),
                                                         at(R::tiling));
      case Kernel::clustered_mix:
        return launch_mix(n);
      case Kernel::sketched:
        return 0 == ACLRT_LAUNCH_KERNEL(crest_sketched)(n, stream_, at(R::q), at(R::k), at(R::v), at(R::sketch),
                                                        at(R::pages), at(R::items), at(R::records), at(R::info),
                                                        at(R::tiling));
      case Kernel::merge:
        return 0 == ACLRT_LAUNCH_KERNEL(crest_merge)(n, stream_, at(R::records), at(R::groups), at(R::results),
                                                     at(R::tiling));
    }
    return false;
  }

 private:
  struct Memory {
    void* data = nullptr;
    std::size_t bytes = 0;
  };

  bool launch_mix([[maybe_unused]] std::uint32_t blocks) {
#if __has_include(<aclrtlaunch_crest_clustered_mix.h>)
    using R = Region;
    return 0 == ACLRT_LAUNCH_KERNEL(crest_clustered_mix)(blocks, stream_, at(R::q), at(R::k), at(R::v), at(R::samples),
                                                         at(R::pages), at(R::items), at(R::records), at(R::info),
                                                         at(R::slots), at(R::tiling));
#else
    return false;
#endif
  }

  void open() {
    owned_ = aclInit(nullptr) == ACL_SUCCESS;
    if (!owned_ || aclrtSetDevice(options_.device) != ACL_SUCCESS) return;
    if (aclrtCreateStream(&stream_) != ACL_SUCCESS) stream_ = nullptr;
  }

  void close() {
    if (stream_) aclrtDestroyStream(stream_);
    aclrtResetDevice(options_.device);
    aclFinalize();
  }

  bool finished() const { return ready() && aclrtSynchronizeStream(stream_) == ACL_SUCCESS; }
  Memory& memory(Region region) { return memory_[static_cast<std::size_t>(region)]; }
  void* at(Region region) { return memory(region).data; }

  AclOptions options_;
  aclrtStream stream_ = nullptr;
  bool owned_ = false;
  std::array<Memory, regions> memory_{};
};

}  // namespace ascend
}  // namespace crest

#endif
