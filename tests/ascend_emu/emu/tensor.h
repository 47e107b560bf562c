// GlobalTensor, LocalTensor, and who am I.
#pragma once

#include "emu/core.h"

#define ASCEND_IS_AIC (ascend_emu::Core::current().place.cube)
#define ASCEND_IS_AIV (!ascend_emu::Core::current().place.cube)

namespace AscendC {

inline int64_t GetBlockIdx() {
  const auto& p = ascend_emu::Core::current().place;
  return p.cube ? p.block : p.core;
}
inline int64_t GetBlockNum() { return ascend_emu::Core::current().place.blocks; }
inline int64_t GetSubBlockIdx() { return ascend_emu::Core::current().place.sub; }

/// Elements of one UB buffer, from an offset on.
template <class T>
class LocalTensor {
 public:
  LocalTensor() = default;
  LocalTensor(ascend_emu::Buffer* buffer, uint32_t begin, uint32_t size)
      : buffer_(buffer), use_(buffer->use), begin_(begin), size_(size) {}

  LocalTensor operator[](uint32_t offset) const {
    LocalTensor t = *this;
    t.begin_ += offset * uint32_t(sizeof(T));
    t.size_ -= std::min(t.size_, offset * uint32_t(sizeof(T)));
    return t;
  }
  template <class U>
  LocalTensor<U> ReinterpretCast() const {
    LocalTensor<U> t(buffer_, begin_, size_);
    t.adopt(use_);
    return t;
  }
  uint32_t GetSize() const { return size_ / sizeof(T); }

  T GetValue(uint32_t i) const {
    auto& core = ascend_emu::Core::current();
    const auto access = core.issue(PIPE_S, 1);
    const auto e = extent(int64_t(i) * sizeof(T), sizeof(T), sizeof(T));
    core.ub().read(e, access);
    T value;
    std::memcpy(&value, core.ub().at(e.begin), sizeof(T));
    return value;
  }
  void SetValue(uint32_t i, T value) const {
    auto& core = ascend_emu::Core::current();
    const auto access = core.issue(PIPE_S, 1);
    const auto e = extent(int64_t(i) * sizeof(T), sizeof(T), sizeof(T));
    core.ub().write(e, access);
    std::memcpy(core.ub().at(e.begin), &value, sizeof(T));
  }

  /// UB bytes [offset, offset + bytes) of this tensor, checked against its buffer, its life and `alignment`.
  ascend_emu::Extent extent(int64_t offset, int64_t bytes, uint32_t alignment) const {
    using ascend_emu::Check;
    ascend_emu::require(buffer_ != nullptr, Check::use_after_free, "tensor of no buffer");
    ascend_emu::require(buffer_->use == use_, Check::use_after_free, "tensor used after its buffer was released");
    const int64_t begin = begin_ + offset, end = buffer_->extent.begin + buffer_->extent.size;
    ascend_emu::require(offset >= 0 && begin + bytes <= end, Check::ub_bounds, "operand leaves its buffer");
    ascend_emu::require(begin % alignment == 0, Check::alignment, "UB address");
    return {uint32_t(begin), uint32_t(bytes)};
  }

  ascend_emu::Buffer* buffer() const { return buffer_; }
  void adopt(uint32_t use) { use_ = use; }

 private:
  ascend_emu::Buffer* buffer_ = nullptr;
  uint32_t use_ = 0, begin_ = 0, size_ = 0;
};

/// Elements of global memory. Scalar access goes through the data cache.
template <class T>
class GlobalTensor {
 public:
  void SetGlobalBuffer(__gm__ T* data, uint64_t = 0) { data_ = data; }

  GlobalTensor operator[](uint64_t offset) const {
    GlobalTensor t = *this;
    t.data_ += offset;
    return t;
  }

  T GetValue(uint64_t i) const {
    auto& core = ascend_emu::Core::current();
    ascend_emu::GlobalMemory::get().read(data_ + i, sizeof(T), core.gm_access(core.issue(PIPE_S, 1)));
    return data_[i];
  }
  void SetValue(uint64_t i, T value) const {
    auto& core = ascend_emu::Core::current();
    ascend_emu::GlobalMemory::get().write(data_ + i, sizeof(T), core.gm_access(core.issue(PIPE_S, 1)), true);
    data_[i] = value;
  }

  __gm__ T* GetPhyAddr() const { return data_; }

 private:
  __gm__ T* data_ = nullptr;
};

#if __CCE_AICORE__ == 220
template <class T, CacheLine line, DcciDst dst>
void DataCacheCleanAndInvalid(const GlobalTensor<T>& t) {
  ascend_emu::GlobalMemory::get().clean(t.GetPhyAddr());
}
#else
template <class T, CacheLine line>
void DataCacheCleanAndInvalid(const GlobalTensor<T>& t) {
  ascend_emu::GlobalMemory::get().clean(t.GetPhyAddr());
}
#endif

/// Position of the first 0 or 1 bit; -1 when there is none.
template <int bit>
int64_t ScalarGetSFFValue(uint64_t value) {
  const uint64_t v = bit ? value : ~value;
  return v == 0 ? -1 : __builtin_ctzll(v);
}

}  // namespace AscendC
