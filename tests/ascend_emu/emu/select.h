// Comparisons into bit masks, and what is done with them.
#pragma once

#include "emu/reduce.h"

namespace ascend_emu {

inline bool compares(float x, float y, AscendC::CMPMODE mode) {
  using AscendC::CMPMODE;
  switch (mode) {
    case CMPMODE::LT:
      return x < y;
    case CMPMODE::GT:
      return x > y;
    case CMPMODE::EQ:
      return x == y;
    case CMPMODE::LE:
      return x <= y;
    case CMPMODE::GE:
      return x >= y;
    case CMPMODE::NE:
      return x != y;
  }
  return false;
}

struct Either {
  static constexpr bool reads_dst = false;
  uint16_t operator()(uint16_t, uint16_t x, uint16_t y) const { return x | y; }
};

}  // namespace ascend_emu

namespace AscendC {

/// Bit i of dst: src[i] compared with the scalar. Whole repeats of 64 floats.
inline void CompareScalar(const LocalTensor<uint8_t>& dst, const LocalTensor<float>& src, float scalar, CMPMODE mode,
                          uint32_t count) {
  using ascend_emu::Check;
  ascend_emu::require(count * 4 % 256 == 0, Check::count_size, "CompareScalar takes a multiple of 256 bytes");
  dst.extent(0, 0, 32);
  const auto access = ascend_emu::issue_vector(count / 64);
  auto& ub = ascend_emu::Core::current().ub();
  float x[64];
  for (uint32_t r = 0; r < count / 64; ++r) {
    ascend_emu::fetch(x, src, {1, 8}, r, 64, access);
    uint64_t bits = 0;
    for (int i = 0; i < 64; ++i) bits |= uint64_t(ascend_emu::compares(x[i], scalar, mode)) << i;
    const auto e = dst.extent(r * 8, 8, 8);
    ub.write(e, access);
    std::memcpy(ub.at(e.begin), &bits, 8);
  }
}

inline void Or(const LocalTensor<uint16_t>& dst, const LocalTensor<uint16_t>& a, const LocalTensor<uint16_t>& b,
               int32_t count) {
  ascend_emu::binary(dst, a, b, count, ascend_emu::Either{});
}

/// dst = bit ? src : scalar. Uses the reserved 8 KiB on the chip.
inline void Select(const LocalTensor<float>& dst, const LocalTensor<uint8_t>& bits, const LocalTensor<float>& src,
                   float scalar, SELMODE mode, uint32_t count) {
  using ascend_emu::Check;
  ascend_emu::require(mode == SELMODE::VSEL_TENSOR_SCALAR_MODE, Check::arch_api, "mode not emulated");
  const auto access = ascend_emu::issue_vector((count + 63) / 64);
  auto& ub = ascend_emu::Core::current().ub();
  bits.extent(0, 0, 32);
  float x[64];
  ascend_emu::each_repeat(count, 64, [&](int64_t r, int n) {
    const auto e = bits.extent(r * 8, (n + 7) / 8, 8);
    ub.read(e, access);
    uint64_t keep = 0;
    std::memcpy(&keep, ub.at(e.begin), e.size);
    ascend_emu::fetch(x, src, {1, 8}, r, n, access);
    for (int i = 0; i < n; ++i) x[i] = keep >> i & 1 ? x[i] : scalar;
    ascend_emu::put(x, dst, {1, 8}, r, n, access);
  });
}

}  // namespace AscendC
