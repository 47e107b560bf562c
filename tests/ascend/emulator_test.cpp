// The emulation itself: every check has a kernel that breaks it and is caught, beside a kernel that does the same
// right. Here buffers, queues, barriers and events.
#include "ascend/emulator_bench.hpp"

namespace {

using namespace emulator_test;

TEST(Emulator, AddsThroughQueues) {
  Gm gm;
  expect_clean([&] {
    Bench x;
    for (int i = 0; i < 4; ++i) {
      LocalTensor<float> t = x.in.AllocTensor<float>();
      DataCopy(t, gm.tensor(i * 256), 256);
      x.in.EnQue(t);
      t = x.in.DeQue<float>();
      LocalTensor<float> o = x.out.AllocTensor<float>();
      Add(o, t, t, 256);
      x.in.FreeTensor(t);
      x.out.EnQue(o);
      o = x.out.DeQue<float>();
      DataCopy(gm.tensor(i * 256), o, 256);
      x.out.FreeTensor(o);
    }
  });
  for (int i = 0; i < 1024; ++i) EXPECT_EQ(gm.data()[i], 2.0f);
}

TEST(Emulator, Capacity) {
  const uint32_t usable = is_910b ? 188160 : 248 * 1024;
  expect_clean([&] {
    TPipe pipe;
    TBuf<TPosition::VECCALC> b;
    pipe.InitBuffer(b, usable);
  });
  expect_caught(Check::ub_capacity, [&] {
    TPipe pipe;
    TBuf<TPosition::VECCALC> b;
    pipe.InitBuffer(b, usable + 1);
  });
  expect_caught(Check::ub_capacity, [] {
    TPipe pipe;
    TBuf<TPosition::VECCALC> b[65];
    for (auto& x : b) pipe.InitBuffer(x, 32);
  });
}

TEST(Emulator, BoundsOfBuffers) {
  expect_clean([] { Bench().filled(); });
  expect_caught(Check::ub_bounds, [] { Duplicate(Bench().a, 1.0f, 257); });
  expect_caught(Check::ub_bounds, [] {
    Bench x;
    x.filled();
    Add(x.a, x.a, x.b, 64, 4, BinaryRepeatParams(1, 1, 1, 8, 8, 9));  // the last repeat's last block
  });
  expect_caught(Check::ub_bounds, [] { Bench().a.SetValue(256, 1.0f); });
}

TEST(Emulator, Alignment) {
  Gm gm;
  expect_caught(Check::alignment, [] { Duplicate(Bench().a[1], 1.0f, 8); });
  expect_caught(Check::alignment, [&] {
    Bench x;
    DataCopy(x.a[4], gm.tensor(), 8);
  });
  expect_caught(Check::alignment, [] {
    Bench x;
    x.filled();
    BlockReduceMax(x.a[4], x.b, 1, 64, 1, 1, 8);
  });
  expect_caught(Check::alignment, [] {
    Bench x;
    x.filled();
    WholeReduceMax(x.a[1], x.b, 64, 1, 1, 1, 8);  // a pair takes 8 bytes
  });
  expect_caught(Check::alignment, [&] {
    GlobalTensor<float> odd;
    odd.SetGlobalBuffer(reinterpret_cast<float*>(reinterpret_cast<uint8_t*>(gm.data()) + 2));
    DataCopy(Bench().a, odd, 8);
  });
  expect_clean([] {
    Bench x;
    x.filled();
    WholeReduceSum(x.a[1], x.b, 64, 1, 1, 1, 8);  // sums may go to any element
  });
}

TEST(Emulator, Uninitialised) {
  expect_caught(Check::uninitialised, [] {
    Bench x;
    Exp(x.a, x.b, 8);
  });
  expect_caught(Check::uninitialised, [] {
    Bench x;
    Duplicate(x.a, 1.0f, 63);
    PipeBarrier<PIPE_V>();
    Exp(x.b, x.a, 64);
  });
  expect_caught(Check::uninitialised, [] { (void)Bench().a.GetValue(0); });
}

TEST(Emulator, UseAfterFree) {
  expect_caught(Check::use_after_free, [] {
    Bench x;
    LocalTensor<float> t = x.out.AllocTensor<float>();
    x.out.FreeTensor(t);
    Duplicate(t, 1.0f, 8);
  });
}

TEST(Emulator, QueueStates) {
  expect_caught(Check::queue_state, [] {
    Bench x;
    (void)x.in.DeQue<float>();
  });
  expect_caught(Check::queue_state, [] {
    Bench x;
    LocalTensor<float> t = x.out.AllocTensor<float>();
    x.out.EnQue(t);
    x.out.EnQue(t);
  });
  expect_caught(Check::queue_state, [] {
    Bench x;
    LocalTensor<float> t = x.out.AllocTensor<float>();
    x.out.EnQue(t);
    x.out.FreeTensor(t);
  });
  expect_caught(Check::queue_depth, [] {
    Bench x;
    x.in.EnQue(x.in.AllocTensor<float>());
    x.in.EnQue(x.in.AllocTensor<float>());
  });
  expect_caught(Check::queue_starved, [] {
    Bench x;
    (void)x.out.AllocTensor<float>();
    (void)x.out.AllocTensor<float>();
  });
  expect_caught(Check::unreleased, [] { (void)Bench().in.AllocTensor<float>(); });
  expect_caught(Check::queue_events, [] {
    Bench x;  // holds two VECIN buffers
    TQue<TPosition::VECIN, 1> more;
    x.pipe.InitBuffer(more, 7, 32);
  });
}

TEST(Emulator, MissingBarrier) {
  expect_caught(Check::hazard, [] {  // read after write
    Bench x;
    Duplicate(x.a, 1.0f, 64);
    Exp(x.b, x.a, 64);
  });
  expect_caught(Check::hazard, [] {  // write after write
    Bench x;
    Duplicate(x.a, 1.0f, 64);
    Duplicate(x.a, 2.0f, 64);
  });
  expect_caught(Check::hazard, [] {  // write after read
    Bench x;
    x.filled();
    Exp(x.b, x.a, 64);
    Duplicate(x.a, 2.0f, 64);
  });
  expect_clean([] {
    Bench x;
    x.filled();
    Exp(x.b, x.a, 64);
    PipeBarrier<PIPE_V>();
    Duplicate(x.a, 2.0f, 64);
    Duplicate(x.b[64], 2.0f, 64);  // elsewhere
  });
}

TEST(Emulator, MissingEvents) {
  Gm gm;
  expect_caught(Check::hazard, [&] {  // MTE2 -> V
    Bench x;
    DataCopy(x.a, gm.tensor(), 64);
    Exp(x.b, x.a, 64);
  });
  expect_caught(Check::hazard, [&] {  // V -> MTE2, write after read
    Bench x;
    x.filled();
    Exp(x.b, x.a, 64);
    DataCopy(x.a, gm.tensor(), 64);
  });
  expect_caught(Check::hazard, [&] {  // V -> MTE3
    Bench x;
    x.filled();
    DataCopy(gm.tensor(), x.a, 64);
  });
  expect_caught(Check::hazard, [] {  // V -> S
    Bench x;
    x.filled();
    (void)x.a.GetValue(0);
  });
  expect_caught(Check::hazard, [] {  // S -> V
    Bench x;
    for (int i = 0; i < 8; ++i) x.a.SetValue(i, 1.0f);
    Exp(x.b, x.a, 8);
  });
  expect_caught(Check::hazard, [&] {  // MTE2 -> S
    Bench x;
    DataCopy(x.a, gm.tensor(), 8);
    (void)x.a.GetValue(0);
  });
  expect_caught(Check::hazard, [&] {  // overlapping MTE2
    Bench x;
    DataCopy(x.a, gm.tensor(), 8);
    DataCopy(x.a, gm.tensor(8), 8);
  });
}

TEST(Emulator, EventsOrder) {
  Gm gm;
  expect_clean([&] {
    Bench x;
    DataCopy(x.a, gm.tensor(), 64);
    SetFlag<HardEvent::MTE2_V>(0);
    WaitFlag<HardEvent::MTE2_V>(0);
    Exp(x.b, x.a, 64);
    SetFlag<HardEvent::V_S>(0);
    WaitFlag<HardEvent::V_S>(0);
    EXPECT_FLOAT_EQ(x.b.GetValue(3), std::exp(1.0f));
    DataCopy(x.a, gm.tensor(), 64);  // issued by a scalar unit that has waited for V: V is done
    PipeBarrier<PIPE_ALL>();
    Exp(x.b, x.a, 64);
  });
  expect_caught(Check::event_twice, [] {
    Bench x;
    SetFlag<HardEvent::V_S>(1);
    SetFlag<HardEvent::V_S>(1);
  });
  expect_caught(Check::event_hang, [] { WaitFlag<HardEvent::V_S>(1); });
  expect_caught(Check::event_reserved, [] { SetFlag<HardEvent::V_S>(6); });
  expect_caught(Check::unreleased, [] { SetFlag<HardEvent::V_S>(2); });
}

}  // namespace
