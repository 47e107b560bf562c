// What the emulation refuses. Each check has a kernel in the self-tests that trips it.
#pragma once

#include <stdexcept>
#include <string>

namespace ascend_emu {

enum class Check {
  ub_capacity,      // InitBuffer past the UB left beside the reserved 8 KiB, or more than 64 buffers
  ub_bounds,        // an operand leaves its own buffer, strides, masks and repeats included
  alignment,        // UB operands 32 bytes (reductions less), GM operands sizeof(T)
  uninitialised,    // UB bytes read before anything wrote them
  use_after_free,   // a tensor of a buffer that was released since
  queue_state,      // FREE -> allocated -> queued -> dequeued -> FREE not followed
  queue_depth,      // more EnQue without DeQue than the queue's depth
  queue_starved,    // AllocTensor with no buffer free: the core would wait for ever
  queue_events,     // more than 8 active buffers at one position
  unreleased,       // a buffer or a flag is still pending when the kernel ends
  hazard,           // two accesses to the same UB word or GM block, one a write, without barrier, event or queue
  repeat_overlap,   // a repeat reads or rewrites what an earlier repeat of the same instruction wrote
  repeat_range,     // repeat outside 0..255
  mask_range,       // mask outside 1..64 (32-bit) or 1..128 (16-bit)
  stride_range,     // a stride that the instruction's field would truncate
  copy_size,        // DataCopy of no whole number of 32-byte blocks, too many or empty pieces
  count_size,       // a count form that needs a multiple of 256 bytes
  arch_api,         // the API does not exist on this chip
  arch_type,        // the API does not take these types on this chip
  event_twice,      // SetFlag of a flag already set
  event_hang,       // WaitFlag of a flag nobody set
  event_reserved,   // events 6 and 7 belong to the system
  gm_bounds,        // a transfer outside the blocks of GmAlloc
  race,             // two cores touch the same 32-byte block of GM, one writes, nothing orders them
  stale_scalar,     // a scalar GM write is read elsewhere without DataCacheCleanAndInvalid
  cross_core_mode,  // cross-core flags in a launch without that hardware
  cross_core_flag,  // flag id outside 0..10, or more than 15 sets pending
  deadlock,         // every unfinished core waits
};

inline const char* to_string(Check check) {
  static const char* const names[] = {
      "ub_capacity",  "ub_bounds",       "alignment",       "uninitialised",  "use_after_free", "queue_state",
      "queue_depth",  "queue_starved",   "queue_events",    "unreleased",     "hazard",         "repeat_overlap",
      "repeat_range", "mask_range",      "stride_range",    "copy_size",      "count_size",     "arch_api",
      "arch_type",    "event_twice",     "event_hang",      "event_reserved", "gm_bounds",      "race",
      "stale_scalar", "cross_core_mode", "cross_core_flag", "deadlock"};
  return names[static_cast<int>(check)];
}

/// Thrown by the kernel's instruction, rethrown by ICPU_RUN_KF.
struct Violation : std::runtime_error {
  Violation(Check c, const std::string& text) : std::runtime_error(std::string(to_string(c)) + ": " + text), check(c) {}
  Check check;
};

inline void require(bool holds, Check check, const char* text) {
  if (!holds) throw Violation(check, text);
}

}  // namespace ascend_emu
