// Element-wise vector instructions. One repeat is 8 blocks of 32 bytes; the count forms cut themselves into repeats.
#pragma once

#include <cmath>

#include "emu/copy.h"

namespace ascend_emu {

/// Strides of one operand: between the blocks of a repeat, and between repeats, in 32-byte blocks.
struct Strides {
  int64_t block, repeat;
};

/// Elements of a repeat, by the wider type.
template <class... T>
constexpr int lanes_of() {
  return int(256 / std::max({sizeof(T)...}));
}

inline void check_repeat(int64_t repeat) { require(repeat >= 0 && repeat <= 255, Check::repeat_range, "0..255"); }

inline void check_mask(int64_t mask, int lanes) {
  require(mask >= 1 && mask <= lanes, Check::mask_range, "more lanes than a repeat has, or none");
}

inline void check_strides(const AscendC::BinaryRepeatParams& p) {
  for (int64_t s : {p.dstBlk, p.src0Blk, p.src1Blk, p.dstRep, p.src0Rep, p.src1Rep})
    require(s >= 0 && s <= 255, Check::stride_range, "8-bit field");
  require(p.dstBlk > 0, Check::stride_range, "destination block stride 0");
}

template <class T>
constexpr int block_lanes = int(32 / sizeof(T));

/// The first `lanes` elements of one repeat of an operand, in up to 8 blocks; f(lane, UB bytes of the block's part).
template <class T, class F>
void each_block(const AscendC::LocalTensor<T>& t, Strides s, int64_t repeat, int lanes, const F& f) {
  for (int lane = 0, block = 0; lane < lanes; lane += block_lanes<T>, ++block) {
    const int64_t bytes = std::min(lanes - lane, block_lanes<T>) * int64_t(sizeof(T));
    f(lane, t.extent((repeat * s.repeat + block * s.block) * 32, bytes, 32));
  }
}

template <class T>
void fetch(T* to, const AscendC::LocalTensor<T>& t, Strides s, int64_t repeat, int lanes, const Access& a) {
  UnifiedBuffer& ub = Core::current().ub();
  each_block(t, s, repeat, lanes, [&](int lane, Extent e) {
    ub.read(e, a);
    std::memcpy(to + lane, ub.at(e.begin), e.size);
  });
}

template <class T>
void put(const T* from, const AscendC::LocalTensor<T>& t, Strides s, int64_t repeat, int lanes, const Access& a) {
  UnifiedBuffer& ub = Core::current().ub();
  each_block(t, s, repeat, lanes, [&](int lane, Extent e) {
    ub.write(e, a);
    std::memcpy(ub.at(e.begin), from + lane, e.size);
  });
}

inline Access issue_vector(int64_t repeats, bool accumulates = false) {
  Core& core = Core::current();
  Access a = core.issue(PIPE_V, std::max<int64_t>(1, repeats));
  a.accumulates = accumulates;
  core.trace.pipe[PIPE_V].repeats += repeats;
  return a;
}

/// How a count form is cut: full repeats, then one of the rest.
template <class F>
void each_repeat(int64_t count, int lanes, const F& f) {
  for (int64_t r = 0; r * lanes < count; ++r) f(r, int(std::min<int64_t>(lanes, count - r * lanes)));
}

template <class D, class S, class F>
void binary(const AscendC::LocalTensor<D>& dst, const AscendC::LocalTensor<S>& a, const AscendC::LocalTensor<S>& b,
            int64_t mask, int64_t repeat, const AscendC::BinaryRepeatParams& p, const F& f) {
  constexpr int lanes = lanes_of<D, S>();
  check_repeat(repeat);
  check_mask(mask, lanes);
  check_strides(p);
  const bool same = std::is_same_v<D, S> && dst.extent(0, 0, 1).begin == b.extent(0, 0, 1).begin;
  const Access access = issue_vector(repeat, same && p.dstRep == 0 && p.src1Rep == 0);
  S x[lanes], y[lanes];
  D z[lanes];
  for (int64_t r = 0; r < repeat; ++r) {
    fetch(x, a, {p.src0Blk, p.src0Rep}, r, int(mask), access);
    fetch(y, b, {p.src1Blk, p.src1Rep}, r, int(mask), access);
    if constexpr (F::reads_dst) fetch(z, dst, {p.dstBlk, p.dstRep}, r, int(mask), access);
    for (int i = 0; i < mask; ++i) z[i] = f(z[i], x[i], y[i]);
    put(z, dst, {p.dstBlk, p.dstRep}, r, int(mask), access);
  }
}

template <class D, class S, class F>
void binary(const AscendC::LocalTensor<D>& dst, const AscendC::LocalTensor<S>& a, const AscendC::LocalTensor<S>& b,
            int64_t count, const F& f) {
  constexpr int lanes = lanes_of<D, S>();
  const Access access = issue_vector((count + lanes - 1) / lanes);
  S x[lanes], y[lanes];
  D z[lanes];
  each_repeat(count, lanes, [&](int64_t r, int n) {
    fetch(x, a, {1, 8}, r, n, access);
    fetch(y, b, {1, 8}, r, n, access);
    if constexpr (F::reads_dst) fetch(z, dst, {1, 8}, r, n, access);
    for (int i = 0; i < n; ++i) z[i] = f(z[i], x[i], y[i]);
    put(z, dst, {1, 8}, r, n, access);
  });
}

template <class D, class S, class F>
void unary(const AscendC::LocalTensor<D>& dst, const AscendC::LocalTensor<S>& src, int64_t count, const F& f) {
  constexpr int lanes = lanes_of<D, S>();
  const Access access = issue_vector((count + lanes - 1) / lanes);
  constexpr int64_t dst_repeat = lanes * sizeof(D) / 32, src_repeat = lanes * sizeof(S) / 32;
  S x[lanes];
  D z[lanes];
  each_repeat(count, lanes, [&](int64_t r, int n) {
    fetch(x, src, {1, src_repeat}, r, n, access);
    for (int i = 0; i < n; ++i) z[i] = f(x[i]);
    put(z, dst, {1, dst_repeat}, r, n, access);
  });
}

/// Arithmetic of one lane: float as it is, half rounded after each operation.
template <class T, class F>
struct Lane {
  static constexpr bool reads_dst = false;
  F f;
  T operator()(T, T x, T y) const { return T(f(float(x), float(y))); }
};
template <class T, class F>
Lane<T, F> lane(F f) {
  return {f};
}

template <class D, class S>
struct MultiplyAdd {
  static constexpr bool reads_dst = true;
  D operator()(D z, S x, S y) const { return D(float(z) + float(x) * float(y)); }
};

}  // namespace ascend_emu

namespace AscendC {

template <class T, class... How>
void Add(const LocalTensor<T>& dst, const LocalTensor<T>& a, const LocalTensor<T>& b, const How&... how) {
  ascend_emu::require_arithmetic<T>();
  ascend_emu::binary(dst, a, b, how..., ascend_emu::lane<T>([](float x, float y) { return x + y; }));
}
template <class T, class... How>
void Sub(const LocalTensor<T>& dst, const LocalTensor<T>& a, const LocalTensor<T>& b, const How&... how) {
  ascend_emu::require_arithmetic<T>();
  ascend_emu::binary(dst, a, b, how..., ascend_emu::lane<T>([](float x, float y) { return x - y; }));
}
template <class T, class... How>
void Mul(const LocalTensor<T>& dst, const LocalTensor<T>& a, const LocalTensor<T>& b, const How&... how) {
  ascend_emu::require_arithmetic<T>();
  ascend_emu::binary(dst, a, b, how..., ascend_emu::lane<T>([](float x, float y) { return x * y; }));
}
template <class T, class... How>
void Div(const LocalTensor<T>& dst, const LocalTensor<T>& a, const LocalTensor<T>& b, const How&... how) {
  ascend_emu::require_arithmetic<T>();
  ascend_emu::binary(dst, a, b, how..., ascend_emu::lane<T>([](float x, float y) { return x / y; }));
}
/// NaN wins, so that it cannot vanish in a maximum; what the chip does with NaN is not documented.
template <class T, class... How>
void Max(const LocalTensor<T>& dst, const LocalTensor<T>& a, const LocalTensor<T>& b, const How&... how) {
  ascend_emu::require_arithmetic<T>();
  ascend_emu::binary(dst, a, b, how..., ascend_emu::lane<T>([](float x, float y) { return x > y || x != x ? x : y; }));
}

/// dst += a * b; half * half into float does not allow overlap and takes 64 lanes.
template <class D, class S, class... How>
void MulAddDst(const LocalTensor<D>& dst, const LocalTensor<S>& a, const LocalTensor<S>& b, const How&... how) {
  ascend_emu::require_arithmetic<D>();
  ascend_emu::require_arithmetic<S>();
  ascend_emu::binary(dst, a, b, how..., ascend_emu::MultiplyAdd<D, S>{});
}

template <class T>
void Muls(const LocalTensor<T>& dst, const LocalTensor<T>& src, T scalar, int32_t count) {
  ascend_emu::require_arithmetic<T>();
  ascend_emu::unary(dst, src, count, [&](T x) { return T(float(x) * float(scalar)); });
}
template <class T>
void Exp(const LocalTensor<T>& dst, const LocalTensor<T>& src, int32_t count) {
  ascend_emu::require_arithmetic<T>();
  ascend_emu::unary(dst, src, count, [](T x) { return T(std::exp(float(x))); });
}
template <class T>
void Ln(const LocalTensor<T>& dst, const LocalTensor<T>& src, int32_t count) {
  ascend_emu::require_arithmetic<T>();
  ascend_emu::unary(dst, src, count, [](T x) { return T(std::log(float(x))); });
}

inline half widened(int8_t x) { return half(float(x)); }
inline float widened(half x) { return float(x); }
inline float widened(bfloat16_t x) {
  const uint32_t u = uint32_t(x.bits) << 16;
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}

template <class S>
void Cast(const LocalTensor<float>& dst, const LocalTensor<S>& src, RoundMode mode, uint32_t count) {
  ascend_emu::require_cast<float, S>(mode);
  ascend_emu::unary(dst, src, count, [](S x) { return widened(x); });
}
inline void Cast(const LocalTensor<half>& dst, const LocalTensor<int8_t>& src, RoundMode mode, uint32_t count) {
  ascend_emu::require_cast<half, int8_t>(mode);
  ascend_emu::unary(dst, src, count, [](int8_t x) { return widened(x); });
}
inline void Cast(const LocalTensor<half>& dst, const LocalTensor<float>& src, RoundMode mode, uint32_t count) {
  ascend_emu::require_cast<half, float>(mode);
  ascend_emu::unary(dst, src, count, [](float x) { return half(x); });
}

template <class T>
void Duplicate(const LocalTensor<T>& dst, T scalar, int32_t count) {
  constexpr int lanes = ascend_emu::lanes_of<T>();
  static_assert(sizeof(T) == 2 || sizeof(T) == 4);
  const auto access = ascend_emu::issue_vector((count + lanes - 1) / lanes);
  T z[lanes];
  std::fill_n(z, lanes, scalar);
  ascend_emu::each_repeat(count, lanes, [&](int64_t r, int n) { ascend_emu::put(z, dst, {1, 8}, r, n, access); });
}

/// Eight consecutive elements become eight blocks of one value each.
template <class T>
void Brcb(const LocalTensor<T>& dst, const LocalTensor<T>& src, int64_t repeat, const BrcbRepeatParams& p) {
  using ascend_emu::Check;
  ascend_emu::check_repeat(repeat);
  static_assert(sizeof(T) == 2 || sizeof(T) == 4);
  ascend_emu::require(dst.buffer() != src.buffer(), Check::repeat_overlap, "Brcb needs different tensors");
  ascend_emu::require(p.dstBlkStride > 0 && p.dstBlkStride <= 65535 && p.dstRepStride <= 65535, Check::stride_range,
                      "16-bit field");
  const auto access = ascend_emu::issue_vector(repeat);
  auto& ub = ascend_emu::Core::current().ub();
  for (int r = 0; r < repeat; ++r) {
    const auto from = src.extent(r * 8 * sizeof(T), 8 * sizeof(T), 32);
    ub.read(from, access);
    for (int i = 0; i < 8; ++i) {
      T value, z[ascend_emu::block_lanes<T>];
      std::memcpy(&value, ub.at(from.begin + i * sizeof(T)), sizeof(T));
      std::fill_n(z, ascend_emu::block_lanes<T>, value);
      const auto to = dst.extent((r * p.dstRepStride + i * p.dstBlkStride) * 32, 32, 32);
      ub.write(to, access);
      std::memcpy(ub.at(to.begin), z, 32);
    }
  }
}

}  // namespace AscendC
