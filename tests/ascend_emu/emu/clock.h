// Vector clocks: what one pipe knows to be finished on the pipes of its own core and of the partner core.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "emu/types.h"

namespace ascend_emu {

constexpr int kPipes = 4;  // S, V, MTE2, MTE3: the values of pipe_t

/// Instruction numbers known complete, own pipes first, partner's after; `tick` is the model time when they were.
struct Clock {
  std::array<uint32_t, 2 * kPipes> seen{};
  uint64_t tick = 0;

  void join(const Clock& other) {
    for (size_t i = 0; i < seen.size(); ++i) seen[i] = std::max(seen[i], other.seen[i]);
    tick = std::max(tick, other.tick);
  }

  /// The same knowledge in the partner core's numbering.
  Clock from_partner() const {
    Clock c = *this;
    std::rotate(c.seen.begin(), c.seen.begin() + kPipes, c.seen.end());
    return c;
  }
};

}  // namespace ascend_emu
