// DataCopy and DataCopyPad between GM and UB.
#pragma once

#include "emu/flags.h"

namespace ascend_emu {

/// A transfer of equal pieces; strides are distances between the starts of pieces, in bytes.
struct Pieces {
  int64_t count, bytes, gm_stride, ub_stride;
};

inline void check_pieces(const AscendC::DataCopyParams& p) {
  require(p.blockCount > 0 && p.blockCount <= 4095 && p.blockLen > 0, Check::copy_size, "1..4095 pieces of >= 1 block");
  require(p.blockLen <= 65535 && p.srcStride <= 65535 && p.dstStride <= 65535, Check::stride_range, "16-bit field");
  require(p.srcStride >= 0 && p.dstStride >= 0, Check::stride_range, "negative gap");
}

inline void count_dma(Core& core, pipe_t pipe, const void* gm, const Pieces& p) {
  auto& c = core.trace.pipe[pipe];
  c.bytes += p.count * p.bytes;
  const bool joined = p.gm_stride == p.bytes;
  const uint64_t pieces = joined ? 1 : p.count, bytes = joined ? p.count * p.bytes : p.bytes;
  c.pieces += pieces;
  if (bytes < 512) c.small_pieces += pieces;
  if (reinterpret_cast<uintptr_t>(gm) % 512) c.unaligned_pieces += pieces;
}

/// Model time of a transfer: a tick per 32 bytes and one per piece.
inline uint64_t dma_ticks(const Pieces& p) {
  return uint64_t(p.count) * ((p.bytes + 31) / 32) + (p.gm_stride == p.bytes ? 1 : p.count);
}

template <class T>
void load(const AscendC::LocalTensor<T>& ub, const T* gm, const Pieces& p) {
  Core& core = Core::current();
  require(reinterpret_cast<uintptr_t>(gm) % sizeof(T) == 0, Check::alignment, "GM address");
  const Access a = core.issue(PIPE_MTE2, dma_ticks(p));
  count_dma(core, PIPE_MTE2, gm, p);
  for (int64_t i = 0; i < p.count; ++i) {
    const auto* from = reinterpret_cast<const uint8_t*>(gm) + i * p.gm_stride;
    const Extent to = ub.extent(i * p.ub_stride, p.bytes, 32);
    GlobalMemory::get().read(from, p.bytes, core.gm_access(a));
    core.ub().write(to, a);
    std::memcpy(core.ub().at(to.begin), from, p.bytes);
  }
}

template <class T>
void store(T* gm, const AscendC::LocalTensor<T>& ub, const Pieces& p) {
  Core& core = Core::current();
  require(reinterpret_cast<uintptr_t>(gm) % sizeof(T) == 0, Check::alignment, "GM address");
  const Access a = core.issue(PIPE_MTE3, dma_ticks(p));
  count_dma(core, PIPE_MTE3, gm, p);
  for (int64_t i = 0; i < p.count; ++i) {
    auto* to = reinterpret_cast<uint8_t*>(gm) + i * p.gm_stride;
    const Extent from = ub.extent(i * p.ub_stride, p.bytes, 32);
    core.ub().read(from, a);
    GlobalMemory::get().write(to, p.bytes, core.gm_access(a));
    std::memcpy(to, core.ub().at(from.begin), p.bytes);
  }
}

inline Pieces one_piece(int64_t bytes) {
  require(bytes > 0 && bytes % 32 == 0, Check::copy_size, "DataCopy moves whole 32-byte blocks");
  return {1, bytes, bytes, bytes};
}

}  // namespace ascend_emu

namespace AscendC {

template <class T>
void DataCopy(const LocalTensor<T>& dst, const GlobalTensor<T>& src, uint32_t count) {
  ascend_emu::load(dst, src.GetPhyAddr(), ascend_emu::one_piece(int64_t(count) * sizeof(T)));
}

template <class T>
void DataCopy(const GlobalTensor<T>& dst, const LocalTensor<T>& src, uint32_t count) {
  ascend_emu::store(dst.GetPhyAddr(), src, ascend_emu::one_piece(int64_t(count) * sizeof(T)));
}

/// Lengths and gaps in 32-byte blocks; a gap runs from the end of a piece to the start of the next.
template <class T>
void DataCopy(const LocalTensor<T>& dst, const GlobalTensor<T>& src, const DataCopyParams& p) {
  ascend_emu::check_pieces(p);
  ascend_emu::load(dst, src.GetPhyAddr(),
                   {p.blockCount, p.blockLen * 32, (p.blockLen + p.srcStride) * 32, (p.blockLen + p.dstStride) * 32});
}

template <class T>
void DataCopy(const GlobalTensor<T>& dst, const LocalTensor<T>& src, const DataCopyParams& p) {
  ascend_emu::check_pieces(p);
  ascend_emu::store(dst.GetPhyAddr(), src,
                    {p.blockCount, p.blockLen * 32, (p.blockLen + p.dstStride) * 32, (p.blockLen + p.srcStride) * 32});
}

/// 910B alone: lengths and GM gaps in bytes, UB gaps in blocks, each piece padded to a block in UB.
template <class T>
void DataCopyPad(const LocalTensor<T>& dst, const GlobalTensor<T>& src, const DataCopyExtParams& p,
                 const DataCopyPadExtParams<T>&) {
  ascend_emu::require_910b("DataCopyPad");
  ascend_emu::require(p.blockCount > 0 && p.blockCount <= 4095 && p.blockLen > 0 && p.blockLen <= 2097151,
                      ascend_emu::Check::copy_size, "1..4095 pieces of 1..2097151 bytes");
  const int64_t padded = (p.blockLen + 31) / 32 * 32;
  ascend_emu::load(dst, src.GetPhyAddr(),
                   {p.blockCount, p.blockLen, p.blockLen + p.srcStride, padded + p.dstStride * 32});
}

}  // namespace AscendC
