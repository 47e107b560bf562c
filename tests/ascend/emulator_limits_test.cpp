// The emulation itself, continued: limits of instructions, chips, and what happens between cores.
#include "ascend/emulator_bench.hpp"

namespace {

using namespace emulator_test;

TEST(EmulatorLimits, RepeatsAndMasks) {
  const BinaryRepeatParams plain(1, 1, 1, 8, 8, 8);
  expect_caught(Check::repeat_range, [&] {
    Bench x;
    x.filled();
    Add(x.a, x.a, x.b, 64, 256, plain);
  });
  expect_caught(Check::repeat_range, [] { Brcb(Bench().a, Bench().b, 256, BrcbRepeatParams(1, 8)); });
  for (int mask : {0, 65})
    expect_caught(Check::mask_range, [&] {
      Bench x;
      x.filled();
      Add(x.a, x.a, x.b, mask, 1, plain);
    });
  expect_caught(Check::stride_range, [] {
    Bench x;
    x.filled();
    Add(x.a, x.a, x.b, 8, 1, BinaryRepeatParams(1, 1, 1, 256, 8, 8));
  });
  expect_caught(Check::stride_range, [] {
    Bench x;
    x.filled();
    Add(x.a, x.a, x.b, 16, 1, BinaryRepeatParams(0, 1, 1, 8, 8, 8));
  });
}

TEST(EmulatorLimits, OverlapInsideAnInstruction) {
  expect_caught(Check::repeat_overlap, [] {  // repeat 1 reads what repeat 0 wrote
    Bench x;
    x.filled();
    Add(x.a[64], x.a, x.b, 64, 2, BinaryRepeatParams(1, 1, 1, 8, 8, 8));
  });
  expect_caught(Check::repeat_overlap, [] {  // all repeats write one place
    Bench x;
    x.filled();
    Mul(x.a, x.b, x.b, 64, 2, BinaryRepeatParams(1, 1, 1, 0, 8, 8));
  });
  expect_caught(Check::repeat_overlap, [] {
    Bench x;
    x.filled();
    Brcb(x.a, x.a[64], 1, BrcbRepeatParams(1, 8));
  });
  expect_clean([] {  // the documented exception: dst == src1, repeat stride 0
    Bench x;
    x.filled();
    Add(x.a, x.b, x.a, 64, 4, BinaryRepeatParams(1, 1, 1, 0, 8, 0));
    SetFlag<HardEvent::V_S>(0);
    WaitFlag<HardEvent::V_S>(0);
    EXPECT_EQ(x.a.GetValue(0), 5.0f);
  });
}

TEST(EmulatorLimits, Copies) {
  Gm gm;
  expect_caught(Check::copy_size, [&] { DataCopy(Bench().a, gm.tensor(), 9); });
  expect_caught(Check::copy_size, [&] { DataCopy(Bench().a, gm.tensor(), DataCopyParams(4096, 1, 0, 0)); });
  expect_caught(Check::copy_size, [&] { DataCopy(Bench().a, gm.tensor(), DataCopyParams(1, 0, 0, 0)); });
  expect_caught(Check::stride_range, [&] { DataCopy(Bench().a, gm.tensor(), DataCopyParams(2, 1, 65536, 0)); });
  expect_caught(Check::gm_bounds, [&] { DataCopy(Bench().a, gm.tensor(1024 - 8), 16); });
  expect_clean([&] {
    Bench x;
    DataCopy(x.a, gm.tensor(), DataCopyParams(4, 1, 3, 1));
    DataCopy(x.b, gm.tensor(1024 - 16), 16);
  });
}

TEST(EmulatorLimits, CountForms) {
  expect_caught(Check::count_size, [] {
    Bench x;
    x.filled();
    CompareScalar(x.b.ReinterpretCast<uint8_t>(), x.a, 0.0f, CMPMODE::GE, 40);
  });
}

TEST(EmulatorLimits, Architectures) {
  Gm gm;
  if (is_910b) {
    expect_clean([&] {
      Bench x;
      DataCopyPad(x.a, gm.tensor(), DataCopyExtParams(1, 20, 0, 0, 0), DataCopyPadExtParams<float>(false, 0, 0, 0));
    });
  } else {
    expect_caught(Check::arch_api, [&] {
      Bench x;
      DataCopyPad(x.a, gm.tensor(), DataCopyExtParams(1, 20, 0, 0, 0), DataCopyPadExtParams<float>(false, 0, 0, 0));
    });
    expect_caught(Check::arch_api, [] {
      Bench x;
      x.filled();
      WholeReduceMax(x.a, x.b, 64, 1, 1, 1, 8, ReduceOrder::ORDER_ONLY_VALUE);
    });
    expect_caught(Check::arch_api, [] { CrossCoreSetFlag<1, PIPE_MTE3>(1); });
    expect_caught(Check::arch_type, [] {
      Bench x;
      x.filled();
      Cast(x.b, x.a.ReinterpretCast<bfloat16_t>(), RoundMode::CAST_NONE, 16);
    });
  }
  expect_caught(Check::arch_api, [] { PipeBarrier<PIPE_S>(); });
  expect_caught(Check::arch_type, [] {
    Bench x;
    x.filled();
    const auto t = x.a.ReinterpretCast<int32_t>();
    Mul(t, t, t, 8);  // integers are not in the table of the kernels' subset
  });
  expect_caught(Check::arch_type, [] {
    Bench x;
    x.filled();
    Cast(x.b.ReinterpretCast<half>(), x.a, is_910b ? RoundMode::CAST_NONE : RoundMode::CAST_RINT, 16);
    Cast(x.a, x.b.ReinterpretCast<half>(), RoundMode::CAST_RINT, 16);
  });
}

TEST(EmulatorLimits, RacesBetweenCores) {
  Gm gm;
  const auto write = [&](size_t from) {
    Bench x;
    x.filled();
    SetFlag<HardEvent::V_MTE3>(0);
    WaitFlag<HardEvent::V_MTE3>(0);
    DataCopy(gm.tensor(from), x.a, 8);
  };
  const auto read = [&] { DataCopy(Bench().a, gm.tensor(), 64); };
  expect_clean([&] { write(8 * GetBlockIdx()); }, 4);
  expect_caught(
      Check::race, [&] { write(0); }, 2);
  expect_caught(
      Check::race, [&] { GetBlockIdx() == 0 ? write(0) : read(); }, 2);
  expect_clean([&] { write(0); });
  expect_clean([&] { read(); }, 8);  // a later launch, and readers do not race
}

TEST(EmulatorLimits, ScalarWritesStayInTheCache) {
  Gm gm;
  const auto clean = [&](const GlobalTensor<float>& t) {
#if __CCE_AICORE__ == 220
    DataCacheCleanAndInvalid<float, CacheLine::SINGLE_CACHE_LINE, DcciDst::CACHELINE_OUT>(t);
#else
    DataCacheCleanAndInvalid<float, CacheLine::SINGLE_CACHE_LINE>(t);
#endif
  };
  expect_clean([&] {
    gm.tensor().SetValue(0, 3.0f);
    EXPECT_EQ(gm.tensor().GetValue(0), 3.0f);
    clean(gm.tensor());
  });
  expect_clean([&] { DataCopy(Bench().a, gm.tensor(), 8); });
  expect_clean([&] { gm.tensor().SetValue(0, 4.0f); });
  expect_caught(Check::stale_scalar, [&] { DataCopy(Bench().a, gm.tensor(), 8); });
}

/// Unit 0 writes, unit 1 reads after they met.
template <class Meet0, class Meet1>
auto handover(const Gm& gm, const Meet0& meet0, const Meet1& meet1) {
  return [&] {
    if ASCEND_IS_AIC {
      return;
    }
    Bench x;
    if (GetSubBlockIdx() == 0) {
      x.filled();
      SetFlag<HardEvent::V_MTE3>(0);
      WaitFlag<HardEvent::V_MTE3>(0);
      DataCopy(gm.tensor(8 * (GetBlockIdx() / 2)), x.a, 8);
      meet0();
    } else {
      meet1();
      DataCopy(x.b, gm.tensor(8 * (GetBlockIdx() / 2)), 8);
    }
  };
}

#if __CCE_AICORE__ == 220
TEST(EmulatorLimits, MeetingOfTwoUnits) {
  Gm gm;
  const auto nothing = [] {};
  const auto set = [] { CrossCoreSetFlag<1, PIPE_MTE3>(1); };
  const auto meet = [] {
    CrossCoreSetFlag<1, PIPE_MTE3>(1);
    CrossCoreWaitFlag(1);
  };
  const auto meet_early = [] {
    CrossCoreSetFlag<1, PIPE_V>(1);  // does not cover the transfer
    CrossCoreWaitFlag(1);
  };
  const auto mix = KernelMode::MIX_MODE;
  expect_clean(handover(gm, meet, meet), 3, mix);
  expect_caught(Check::race, handover(gm, nothing, nothing), 1, mix);
  expect_caught(Check::race, handover(gm, meet_early, meet), 1, mix);
  expect_caught(Check::deadlock, handover(gm, nothing, meet), 1, mix);
  expect_caught(Check::unreleased, handover(gm, set, meet), 1, mix);
  expect_caught(Check::cross_core_mode, meet, 1);
  expect_caught(
      Check::cross_core_flag,
      [] {
        if ASCEND_IS_AIV {
          CrossCoreSetFlag<1, PIPE_MTE3>(11);
        }
      },
      1, mix);
  expect_caught(
      Check::cross_core_flag,
      [] {
        if ASCEND_IS_AIV {
          for (int i = 0; i < 16; ++i) CrossCoreSetFlag<1, PIPE_MTE3>(0);
        }
      },
      1, mix);
}
#endif

TEST(EmulatorLimits, CountsAndTicks) {
  Gm gm;
  expect_clean([&] {
    Bench x;
    DataCopy(x.a, gm.tensor(), 128);                         // 512 bytes in one piece
    DataCopy(x.b, gm.tensor(), DataCopyParams(4, 1, 3, 0));  // four of 32
    SetFlag<HardEvent::MTE2_V>(0);
    WaitFlag<HardEvent::MTE2_V>(0);
    Exp(x.a, x.a, 128);
    PipeBarrier<PIPE_V>();
  });
  const auto& core = ascend_emu::Launcher::get().trace.at(0);
  EXPECT_EQ(core.pipe[PIPE_MTE2].bytes, 640u);
  EXPECT_EQ(core.pipe[PIPE_MTE2].pieces, 5u);
  EXPECT_EQ(core.pipe[PIPE_MTE2].small_pieces, 4u);
  EXPECT_EQ(core.pipe[PIPE_V].repeats, 2u);
  EXPECT_EQ(core.pipe[PIPE_V].barriers, 1u);
  EXPECT_EQ(core.ticks, (16u + 1) + (4 + 4) + 2);
  const std::string picture = ascend_emu::picture(core, 0, core.ticks, 27);
  EXPECT_NE(picture.find("V    |                         ##|"), std::string::npos) << picture;
}

TEST(EmulatorLast, NoCheckIsLeftUntested) {
  for (int c = 0; c <= static_cast<int>(Check::deadlock); ++c) {
    const Check check = static_cast<Check>(c);
    const bool cross = check == Check::cross_core_mode || check == Check::cross_core_flag || check == Check::deadlock;
    if (cross && !is_910b) continue;
    EXPECT_TRUE(seen().count(check)) << to_string(check);
  }
}

}  // namespace
