// AlignedBytes: 64-byte aligned, zero-filled memory that reports failure instead of throwing. Large pieces ask for huge
// pages where the system has them: rows drawn at random otherwise spend their time on page tables.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "crest/core/config.hpp"

namespace crest {
inline namespace v0 {

/// Like a std::vector<std::byte> whose growth reports failure instead of throwing. Copying may throw std::bad_alloc.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  CREST_INLINE AlignedBytes(const AlignedBytes& other)
      : data_(other.size_ ? static_cast<std::byte*>(::operator new(other.size_, align_of(other.size_))) : nullptr),
        size_(other.size_) {
    if (size_) std::memcpy(data_, other.data_, size_);
  }
  CREST_INLINE AlignedBytes(AlignedBytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  CREST_INLINE AlignedBytes& operator=(AlignedBytes other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  CREST_INLINE ~AlignedBytes() { ::operator delete(data_, align_of(size_)); }

  /// Fresh memory of `bytes` zeros; empty when memory is short.
  CREST_INLINE static AlignedBytes make(std::size_t bytes) noexcept {
    AlignedBytes fresh;
    fresh.data_ = static_cast<std::byte*>(::operator new(bytes ? bytes : 1, align_of(bytes), std::nothrow));
    if (!fresh.data_) return fresh;
    fresh.size_ = bytes;
#if defined(MADV_HUGEPAGE)
    if (bytes >= huge) madvise(fresh.data_, bytes, MADV_HUGEPAGE);
#endif
    std::memset(fresh.data_, 0, bytes);
    return fresh;
  }

  CREST_INLINE std::byte* data() noexcept { return data_; }
  CREST_INLINE const std::byte* data() const noexcept { return data_; }
  CREST_INLINE std::size_t size() const noexcept { return size_; }
  CREST_INLINE explicit operator bool() const noexcept { return data_ != nullptr; }

 private:
  static constexpr std::size_t huge = std::size_t{2} << 20;
  static constexpr std::align_val_t align_of(std::size_t bytes) { return std::align_val_t{bytes >= huge ? huge : 64}; }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace v0
}  // namespace crest
