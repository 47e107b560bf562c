// Ascend C's qualifiers, number types, enumerations and parameter structs.
#pragma once

#include <cstdint>
#include <cstring>

#define __global__
#define __aicore__
#define __gm__
#define __ubuf__
#define GM_ADDR __gm__ uint8_t*

#if !defined(__CCE_AICORE__)
#define __CCE_AICORE__ 220
#endif

/// IEEE binary16 storage; arithmetic happens in the instructions.
struct half {
  uint16_t bits;
  half() = default;
  explicit half(float x);
  explicit operator float() const;
};

inline half::operator float() const {
  const uint32_t sign = uint32_t(bits & 0x8000u) << 16, exponent = bits >> 10 & 0x1fu, mantissa = bits & 0x3ffu;
  uint32_t out = sign | (exponent + 112) << 23 | mantissa << 13;
  if (exponent == 0x1f) out = sign | 0x7f800000u | mantissa << 13;
  float x;
  std::memcpy(&x, &out, 4);
  if (exponent != 0) return x;
  const float magnitude = float(mantissa) / 16777216.0f;
  return sign ? -magnitude : magnitude;
}

inline half::half(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  const uint32_t sign = u >> 16 & 0x8000u, a = u & 0x7fffffffu;
  if (a > 0x7f800000u) {
    bits = uint16_t(sign | 0x7e00u);
  } else if (a >= 0x477ff000u) {
    bits = uint16_t(sign | 0x7c00u);
  } else if (a < 0x38800000u) {  // subnormal: the addition rounds
    float magnitude;
    std::memcpy(&magnitude, &a, 4);
    const float shifted = magnitude + 0.5f;
    uint32_t rounded;
    std::memcpy(&rounded, &shifted, 4);
    bits = uint16_t(sign | (rounded - 0x3f000000u));
  } else {
    bits = uint16_t(sign | (a - 0x38000000u + 0xfffu + (a >> 13 & 1u)) >> 13);
  }
}

/// Storage only: Cast to float is all that any chip here offers.
struct bfloat16_t {
  uint16_t bits;
};

enum pipe_t { PIPE_S, PIPE_V, PIPE_MTE2, PIPE_MTE3, PIPE_ALL };
enum event_t { EVENT_ID0, EVENT_ID1, EVENT_ID2, EVENT_ID3, EVENT_ID4, EVENT_ID5, EVENT_ID6, EVENT_ID7 };

#define KERNEL_TASK_TYPE_DEFAULT(type)

namespace AscendC {

enum class TPosition { GM, VECIN, VECOUT, VECCALC };
using QuePosition = TPosition;
enum class RoundMode { CAST_NONE, CAST_RINT, CAST_FLOOR, CAST_CEIL, CAST_ROUND, CAST_TRUNC, CAST_ODD };
enum class CMPMODE { LT, GT, EQ, LE, GE, NE };
enum class SELMODE { VSEL_CMPMASK_SPR, VSEL_TENSOR_SCALAR_MODE, VSEL_TENSOR_TENSOR_MODE };
enum class ReduceOrder { ORDER_VALUE_INDEX, ORDER_INDEX_VALUE, ORDER_ONLY_VALUE, ORDER_ONLY_INDEX };
enum class HardEvent { MTE2_V, V_MTE2, V_MTE3, MTE3_V, MTE3_MTE2, MTE2_MTE3, V_S, S_V, MTE2_S, S_MTE2, MTE3_S, S_MTE3 };
enum class CacheLine { SINGLE_CACHE_LINE, ENTIRE_DATA_CACHE };
enum class DcciDst { CACHELINE_ALL, CACHELINE_UB, CACHELINE_OUT };

/// Fields are narrow on the chip; the emulation keeps what the kernel passed, to see what would be cut off.
struct DataCopyParams {
  DataCopyParams(int64_t count, int64_t len, int64_t src, int64_t dst)
      : blockCount(count), blockLen(len), srcStride(src), dstStride(dst) {}
  int64_t blockCount, blockLen, srcStride, dstStride;
};
struct DataCopyExtParams {
  DataCopyExtParams(int64_t count, int64_t len, int64_t src, int64_t dst, int64_t)
      : blockCount(count), blockLen(len), srcStride(src), dstStride(dst) {}
  int64_t blockCount, blockLen, srcStride, dstStride;
};
template <class T>
struct DataCopyPadExtParams {
  DataCopyPadExtParams(bool pad, int64_t left, int64_t right, T value)
      : isPad(pad), leftPadding(left), rightPadding(right), paddingValue(value) {}
  bool isPad;
  int64_t leftPadding, rightPadding;
  T paddingValue;
};
struct BinaryRepeatParams {
  BinaryRepeatParams(int64_t db, int64_t s0b, int64_t s1b, int64_t dr, int64_t s0r, int64_t s1r)
      : dstBlk(db), src0Blk(s0b), src1Blk(s1b), dstRep(dr), src0Rep(s0r), src1Rep(s1r) {}
  int64_t dstBlk, src0Blk, src1Blk, dstRep, src0Rep, src1Rep;
};
struct BrcbRepeatParams {
  BrcbRepeatParams(int64_t blk, int64_t rep) : dstBlkStride(blk), dstRepStride(rep) {}
  int64_t dstBlkStride, dstRepStride;
};

}  // namespace AscendC
