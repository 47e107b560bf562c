// The unified buffer of one vector core, with a shadow: which bytes were written, and which pipe's instruction touched
// each 4-byte word last.
#pragma once

#include <vector>

#include "emu/arch.h"
#include "emu/clock.h"

namespace ascend_emu {

/// Bytes [begin, begin + size) of the UB.
struct Extent {
  uint32_t begin, size;
};

enum class BufferState { free, allocated, queued, dequeued };

/// One buffer of InitBuffer. `use` grows when it is released, so that older tensors are known to be stale.
struct Buffer {
  Extent extent{};
  BufferState state = BufferState::free;
  uint32_t use = 0;
  Clock ready{};  // of the last EnQue or FreeTensor
};

/// One instruction as the shadow sees it.
struct Access {
  pipe_t pipe;
  uint32_t time;       // its number on that pipe
  const Clock* known;  // what the pipe knew when it started
  bool accumulates;    // the documented exception: dst == src1 with repeat stride 0
};

class UnifiedBuffer {
 public:
  UnifiedBuffer() : bytes_(ub_bytes), written_(ub_bytes), last_write_(ub_bytes / 4) {
    for (auto& reads : last_read_) reads.assign(ub_bytes / 4, 0);
    forget({0, ub_bytes});
  }

  uint8_t* at(uint32_t address) { return bytes_.data() + address; }

  /// Contents become NaN and count as never written; who touched them last stays known.
  void forget(Extent e) {
    std::fill_n(bytes_.begin() + e.begin, e.size, uint8_t{0xff});
    std::fill_n(written_.begin() + e.begin, e.size, uint8_t{0});
  }

  void read(Extent e, const Access& a) {
    for (uint32_t i = e.begin; i < e.begin + e.size; ++i)
      if (!written_[i]) throw Violation(Check::uninitialised, "UB byte " + std::to_string(i) + " was never written");
    for (uint32_t w = e.begin / 4; w <= (e.begin + e.size - 1) / 4; ++w) {
      ordered(last_write_[w], a, w, "reads what is being written");
      if (last_write_[w] == stamp(a) && !a.accumulates)
        throw Violation(Check::repeat_overlap, "a repeat reads what an earlier repeat wrote");
      last_read_[a.pipe][w] = a.time;
    }
  }

  void write(Extent e, const Access& a) {
    for (uint32_t w = e.begin / 4; w <= (e.begin + e.size - 1) / 4; ++w) {
      ordered(last_write_[w], a, w, "overwrites what is being written");
      for (int p = 0; p < kPipes; ++p)
        ordered(uint64_t(last_read_[p][w]) << 2 | p, a, w, "overwrites what is being read");
      if (last_write_[w] == stamp(a) && e.size >= 4 && !a.accumulates)
        throw Violation(Check::repeat_overlap, "a repeat rewrites what an earlier repeat wrote");
      last_write_[w] = stamp(a);
    }
    std::fill_n(written_.begin() + e.begin, e.size, uint8_t{1});
  }

 private:
  static uint64_t stamp(const Access& a) { return uint64_t(a.time) << 2 | a.pipe; }

  /// A touch by instruction `tag` (number << 2 | pipe, 0 = none) must be known complete, or be this instruction's own.
  static void ordered(uint64_t tag, const Access& a, uint32_t word, const char* what) {
    const uint32_t time = uint32_t(tag >> 2), pipe = tag & 3;
    if (time <= a.known->seen[pipe] || (pipe == a.pipe && time == a.time)) return;
    static const char* const names[] = {"S", "V", "MTE2", "MTE3"};
    throw Violation(Check::hazard, std::string(names[a.pipe]) + " " + what + " by " + names[pipe] + " at UB byte " +
                                       std::to_string(word * 4));
  }

  std::vector<uint8_t> bytes_, written_;
  std::vector<uint64_t> last_write_;
  std::array<std::vector<uint32_t>, kPipes> last_read_;
};

}  // namespace ascend_emu
