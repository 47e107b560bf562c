// PipeBarrier, SetFlag / WaitFlag, and the flags between cores.
#pragma once

#include "emu/tensor.h"

namespace ascend_emu {

struct Edge {
  pipe_t from, to;
};

inline Edge edge_of(AscendC::HardEvent event) {
  static const Edge edges[] = {{PIPE_MTE2, PIPE_V}, {PIPE_V, PIPE_MTE2},    {PIPE_V, PIPE_MTE3},
                               {PIPE_MTE3, PIPE_V}, {PIPE_MTE3, PIPE_MTE2}, {PIPE_MTE2, PIPE_MTE3},
                               {PIPE_V, PIPE_S},    {PIPE_S, PIPE_V},       {PIPE_MTE2, PIPE_S},
                               {PIPE_S, PIPE_MTE2}, {PIPE_MTE3, PIPE_S},    {PIPE_S, PIPE_MTE3}};
  return edges[int(event)];
}

inline void check_event(int id) {
  require(id >= 0 && id < 8, Check::event_reserved, "event ids 0..7");
  require(id < 6, Check::event_reserved, "events 6 and 7 belong to the system");
}

}  // namespace ascend_emu

namespace AscendC {

template <pipe_t pipe>
void PipeBarrier() {
  ascend_emu::Core::current().barrier(pipe);
}

template <HardEvent event>
void SetFlag(int id) {
  auto& core = ascend_emu::Core::current();
  ascend_emu::check_event(id);
  auto& flag = core.flag(int(event), id);
  ascend_emu::require(!flag, ascend_emu::Check::event_twice, "SetFlag of a flag that is set");
  flag = core.snapshot(ascend_emu::edge_of(event).from);
}

template <HardEvent event>
void WaitFlag(int id) {
  auto& core = ascend_emu::Core::current();
  ascend_emu::check_event(id);
  auto& flag = core.flag(int(event), id);
  ascend_emu::require(flag.has_value(), ascend_emu::Check::event_hang, "WaitFlag of a flag nobody set");
  core.wait(ascend_emu::edge_of(event).to, *flag);
  flag.reset();
}

/// Mode 1: the two vector cores of an AI core. Modes 0 and 2 are not used by the kernels and not emulated.
template <uint8_t mode, pipe_t pipe>
void CrossCoreSetFlag(uint16_t id) {
  static_assert(mode == 1, "only mode 1 is emulated");
  static_assert(pipe != PIPE_S && pipe != PIPE_ALL);
  ascend_emu::require_910b("CrossCoreSetFlag");
  ascend_emu::Core::current().set_cross(id, pipe);
}

inline void CrossCoreWaitFlag(uint16_t id) {
  ascend_emu::require_910b("CrossCoreWaitFlag");
  ascend_emu::Core::current().wait_cross(id);
}

}  // namespace AscendC
