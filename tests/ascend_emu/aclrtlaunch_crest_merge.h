// As CANN's build generates it: the host-side launch of crest_merge.
#pragma once

#include "acl/launch.h"

template <class... Args>
uint32_t aclrtlaunch_crest_merge(uint32_t blocks, aclrtStream, Args... args) {
  return ascend_emu::launch(crest_merge, KernelMode::AIV_MODE, blocks, args...);
}
