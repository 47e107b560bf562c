// A launch through AscendCL, on the host.
#pragma once

#include "acl/acl.h"
#include "ascend/entry_points.hpp"

namespace ascend_emu {

template <class Kernel, class... Args>
uint32_t launch(Kernel* kernel, KernelMode mode, uint32_t blocks, Args... args) {
  if (Acl::get().fails("launch")) return ACL_ERROR;
  AscendC::SetKernelMode(mode);
  ICPU_RUN_KF(kernel, blocks, static_cast<uint8_t*>(args)...);
  return ACL_SUCCESS;
}

}  // namespace ascend_emu
