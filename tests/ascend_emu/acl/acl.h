// The part of AscendCL that the host code uses, on the host: device memory is GmAlloc, a launch runs to its end. Any
// call can be told to fail.
#pragma once

#include <cstring>
#include <map>
#include <string>

#include "tikicpulib.h"

using aclError = int;
using aclrtStream = void*;
constexpr aclError ACL_SUCCESS = 0, ACL_ERROR = 500000;
enum aclrtMemMallocPolicy { ACL_MEM_MALLOC_HUGE_FIRST };
enum aclrtMemcpyKind { ACL_MEMCPY_HOST_TO_DEVICE = 1, ACL_MEMCPY_DEVICE_TO_HOST = 2 };

namespace ascend_emu {

/// What AscendCL holds, and which call fails.
struct Acl {
  bool initialised = false, device = false;
  int streams = 0;
  std::map<void*, size_t> memory;
  std::string failing;

  static Acl& get() {
    static Acl acl;
    return acl;
  }
  bool fails(const char* call) const { return failing == call; }
  bool clean() const { return !initialised && !device && streams == 0 && memory.empty(); }
};

inline aclError acl_result(const char* call, bool holds = true) {
  return holds && !Acl::get().fails(call) ? ACL_SUCCESS : ACL_ERROR;
}

}  // namespace ascend_emu

inline aclError aclInit(const char*) {
  auto& acl = ascend_emu::Acl::get();
  const aclError e = ascend_emu::acl_result("aclInit", !acl.initialised);
  if (e == ACL_SUCCESS) acl.initialised = true;
  return e;
}
inline aclError aclFinalize() {
  ascend_emu::Acl::get().initialised = false;
  return ACL_SUCCESS;
}
inline aclError aclrtSetDevice(int) {
  auto& acl = ascend_emu::Acl::get();
  const aclError e = ascend_emu::acl_result("aclrtSetDevice", acl.initialised);
  acl.device = e == ACL_SUCCESS;
  return e;
}
inline aclError aclrtResetDevice(int) {
  ascend_emu::Acl::get().device = false;
  return ACL_SUCCESS;
}
inline aclError aclrtCreateStream(aclrtStream* stream) {
  auto& acl = ascend_emu::Acl::get();
  const aclError e = ascend_emu::acl_result("aclrtCreateStream", acl.device);
  if (e == ACL_SUCCESS) *stream = &acl, ++acl.streams;
  return e;
}
inline aclError aclrtDestroyStream(aclrtStream) {
  --ascend_emu::Acl::get().streams;
  return ACL_SUCCESS;
}
inline aclError aclrtSynchronizeStream(aclrtStream) { return ascend_emu::acl_result("aclrtSynchronizeStream"); }

inline aclError aclrtMalloc(void** data, size_t bytes, aclrtMemMallocPolicy) {
  const aclError e = ascend_emu::acl_result("aclrtMalloc");
  if (e != ACL_SUCCESS) return e;
  *data = AscendC::GmAlloc((bytes + 511) / 512 * 512);
  ascend_emu::Acl::get().memory[*data] = bytes;
  return e;
}
inline aclError aclrtFree(void* data) {
  ascend_emu::Acl::get().memory.erase(data);
  AscendC::GmFree(data);
  return ACL_SUCCESS;
}
inline aclError aclrtMemcpy(void* to, size_t room, const void* from, size_t bytes, aclrtMemcpyKind kind) {
  const auto& memory = ascend_emu::Acl::get().memory;
  const bool down = kind == ACL_MEMCPY_DEVICE_TO_HOST;
  const auto it = memory.find(down ? const_cast<void*>(from) : to);
  const aclError e = ascend_emu::acl_result("aclrtMemcpy", it != memory.end() && bytes <= it->second && bytes <= room);
  if (e == ACL_SUCCESS) std::memcpy(to, from, bytes);
  return e;
}

#define ACLRT_LAUNCH_KERNEL(kernel) aclrtlaunch_##kernel
