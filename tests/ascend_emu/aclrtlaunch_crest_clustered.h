// As CANN's build generates it: the host-side launch of crest_clustered.
#pragma once

#include "acl/launch.h"

template <class... Args>
uint32_t aclrtlaunch_crest_clustered(uint32_t blocks, aclrtStream, Args... args) {
  return ascend_emu::launch(crest_clustered, KernelMode::AIV_MODE, blocks, args...);
}
