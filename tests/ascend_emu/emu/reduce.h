// Reductions inside a repeat.
#pragma once

#include "emu/vector.h"

namespace ascend_emu {

/// Binary-tree sum, as the chip documents it; half rounds after each addition.
template <class T>
T tree_sum(const T* x, int n) {
  if (n == 1) return x[0];
  int left = 1;
  while (left * 2 < n) left *= 2;
  return T(float(tree_sum(x, left)) + float(tree_sum(x + left, n - left)));
}

template <class T>
void put_value(const AscendC::LocalTensor<T>& dst, int64_t index, T value, const Access& a) {
  const Extent e = dst.extent(index * sizeof(T), sizeof(T), sizeof(T));
  Core::current().ub().write(e, a);
  std::memcpy(Core::current().ub().at(e.begin), &value, sizeof(T));
}

inline void check_reduce(int lanes, int64_t mask, int64_t repeat, int64_t dst_rep, int64_t src_blk, int64_t src_rep) {
  check_repeat(repeat);
  check_mask(mask, lanes);
  for (int64_t s : {src_blk, src_rep}) require(s >= 0 && s <= 65535, Check::stride_range, "16-bit field");
  require(dst_rep > 0 && dst_rep <= 65535, Check::stride_range, "16-bit field");
}

/// One value per block of every repeat.
template <class F>
void block_reduce(const AscendC::LocalTensor<float>& dst, const AscendC::LocalTensor<float>& src, int64_t repeat,
                  int64_t mask, int64_t dst_rep, Strides s, const F& f) {
  check_reduce(64, mask, repeat, dst_rep, s.block, s.repeat);
  dst.extent(0, 0, 32);
  const Access access = issue_vector(repeat);
  float x[64];
  for (int64_t r = 0; r < repeat; ++r) {
    fetch(x, src, s, r, int(mask), access);
    for (int b = 0; b * 8 < mask; ++b)
      put_value(dst, r * dst_rep * 8 + b, f(x + b * 8, std::min<int>(8, int(mask) - b * 8)), access);
  }
}

inline float max_of(const float* x, int n) {
  float m = x[0];
  for (int i = 1; i < n; ++i) m = m != m || m > x[i] ? m : x[i];
  return m;
}

}  // namespace ascend_emu

namespace AscendC {

/// One sum per repeat; dst_rep counts elements.
template <class T>
void WholeReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, int32_t mask, int32_t repeat, int32_t dst_rep,
                    int32_t src_blk, int32_t src_rep) {
  constexpr int lanes = ascend_emu::lanes_of<T>();
  ascend_emu::require_arithmetic<T>();
  ascend_emu::check_reduce(lanes, mask, repeat, dst_rep, src_blk, src_rep);
  const auto access = ascend_emu::issue_vector(repeat);
  T x[lanes];
  for (int64_t r = 0; r < repeat; ++r) {
    ascend_emu::fetch(x, src, {src_blk, src_rep}, r, mask, access);
    ascend_emu::put_value(dst, r * dst_rep, ascend_emu::tree_sum(x, mask), access);
  }
}

/// A pair (maximum, index inside the repeat as raw bits) per repeat; dst_rep counts pairs. 310P knows pairs alone.
inline void WholeReduceMax(const LocalTensor<float>& dst, const LocalTensor<float>& src, int32_t mask, int32_t repeat,
                           int32_t dst_rep, int32_t src_blk, int32_t src_rep,
                           ReduceOrder order = ReduceOrder::ORDER_VALUE_INDEX) {
  using ascend_emu::Check;
  const bool value_only = order == ReduceOrder::ORDER_ONLY_VALUE;
  if (value_only) ascend_emu::require_910b("WholeReduceMax of values alone");
  ascend_emu::require(value_only || order == ReduceOrder::ORDER_VALUE_INDEX, Check::arch_api, "order not emulated");
  ascend_emu::check_reduce(64, mask, repeat, dst_rep, src_blk, src_rep);
  dst.extent(0, 0, value_only ? 4 : 8);
  const auto access = ascend_emu::issue_vector(repeat);
  float x[64];
  for (int64_t r = 0; r < repeat; ++r) {
    ascend_emu::fetch(x, src, {src_blk, src_rep}, r, mask, access);
    const float best = ascend_emu::max_of(x, mask);
    uint32_t at = 0;
    while (at + 1 < uint32_t(mask) && x[at] != best) ++at;
    float index;
    std::memcpy(&index, &at, 4);
    ascend_emu::put_value(dst, value_only ? r * dst_rep : 2 * r * dst_rep, best, access);
    if (!value_only) ascend_emu::put_value(dst, 2 * r * dst_rep + 1, index, access);
  }
}

inline void BlockReduceMax(const LocalTensor<float>& dst, const LocalTensor<float>& src, int32_t repeat, int32_t mask,
                           int32_t dst_rep, int32_t src_blk, int32_t src_rep) {
  ascend_emu::block_reduce(dst, src, repeat, mask, dst_rep, {src_blk, src_rep}, ascend_emu::max_of);
}

}  // namespace AscendC
