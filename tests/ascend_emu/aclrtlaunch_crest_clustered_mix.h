// As CANN's build generates it: the host-side launch of crest_clustered_mix.
#pragma once

#include "acl/launch.h"

#if __CCE_AICORE__ == 220
template <class... Args>
uint32_t aclrtlaunch_crest_clustered_mix(uint32_t blocks, aclrtStream, Args... args) {
  return ascend_emu::launch(crest_clustered_mix, KernelMode::MIX_MODE, blocks, args...);
}
#else
template <class... Args>
uint32_t aclrtlaunch_crest_clustered_mix(uint32_t, aclrtStream, Args...) {
  return ACL_ERROR;  // no such kernel on this chip
}
#endif
