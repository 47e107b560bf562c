// What the emulation's own tests share: memory, buffers, and a verdict on a kernel.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "kernel_operator.h"
#include "tikicpulib.h"

namespace emulator_test {

using namespace AscendC;
using ascend_emu::Check;
using ascend_emu::Violation;

constexpr bool is_910b = __CCE_AICORE__ == 220;

/// Global memory for the kernels below: 4 KiB of floats, all 1.
class Gm {
 public:
  Gm() : data_(static_cast<float*>(GmAlloc(4096))) { std::fill_n(data_, 1024, 1.0f); }
  Gm(const Gm&) = delete;
  Gm& operator=(const Gm&) = delete;
  ~Gm() { GmFree(data_); }
  GlobalTensor<float> tensor(size_t from = 0) const {
    GlobalTensor<float> t;
    t.SetGlobalBuffer(data_ + from);
    return t;
  }
  float* data() const { return data_; }

 private:
  float* data_;
};

/// Pipe, two buffers and two queues, as most kernels below want them.
struct Bench {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer_a, buffer_b;
  TQue<TPosition::VECIN, 1> in;
  TQue<TPosition::VECOUT, 1> out;
  LocalTensor<float> a, b;

  Bench() {
    pipe.InitBuffer(buffer_a, 1024);
    pipe.InitBuffer(buffer_b, 1024);
    pipe.InitBuffer(in, 2, 1024);
    pipe.InitBuffer(out, 1, 1024);
    a = buffer_a.Get<float>();
    b = buffer_b.Get<float>();
  }
  /// Both buffers hold ones, and V is done with them.
  Bench& filled() {
    Duplicate(a, 1.0f, 256);
    Duplicate(b, 1.0f, 256);
    PipeBarrier<PIPE_V>();
    return *this;
  }
};

/// What the emulation says about a kernel; nothing when it runs through.
template <class Kernel>
std::optional<Check> verdict(const Kernel& kernel, int blocks = 1, KernelMode mode = KernelMode::AIV_MODE) {
  SetKernelMode(mode);
  try {
    ICPU_RUN_KF(kernel, blocks);
  } catch (const Violation& v) {
    return v.check;
  }
  return std::nullopt;
}

/// Checks that some test has seen caught; the last test asks for all of them.
inline std::set<Check>& seen() {
  static std::set<Check> checks;
  return checks;
}

template <class Kernel>
void expect_caught(Check check, const Kernel& kernel, int blocks = 1, KernelMode mode = KernelMode::AIV_MODE) {
  const auto found = verdict(kernel, blocks, mode);
  ASSERT_TRUE(found.has_value()) << "not caught: " << to_string(check);
  EXPECT_EQ(*found, check) << "caught as " << to_string(*found) << " instead of " << to_string(check);
  seen().insert(*found);
}

template <class Kernel>
void expect_clean(const Kernel& kernel, int blocks = 1, KernelMode mode = KernelMode::AIV_MODE) {
  const auto found = verdict(kernel, blocks, mode);
  EXPECT_FALSE(found.has_value()) << to_string(*found);
}

}  // namespace emulator_test
