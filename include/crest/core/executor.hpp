// Executors own threads and scratch memory; the library starts no thread and allocates nothing itself.
#pragma once

#include <concepts>
#include <cstddef>
#include <new>
#include <span>
#include <utility>

#include "crest/core/view.hpp"

namespace crest {
inline namespace CREST_ABI {

/// An executor runs f(thread, task) for every task in 0..tasks-1, thread in 0..size()-1, and returns when all are done.
/// scratch(bytes) gives 64-byte aligned memory that stays valid until the next scratch() call, or an empty span when
/// memory is short. One executor serves one call at a time; different executors may run concurrently.
template <class E>
concept Executor = requires(E e, Index tasks, void (*f)(Index thread, Index task), std::size_t bytes) {
  { e.size() } -> std::convertible_to<Index>;
  e.parallel(tasks, f);
  { e.scratch(bytes) } -> std::same_as<std::span<std::byte>>;
};

/// 64-byte aligned memory that grows only when asked for more than ever before.
class ScratchBuffer {
 public:
  ScratchBuffer() = default;
  ScratchBuffer(ScratchBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  ScratchBuffer& operator=(ScratchBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~ScratchBuffer() { release(); }

  std::span<std::byte> get(std::size_t bytes) noexcept {
    if (bytes > size_) {
      release();
      data_ = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64}, std::nothrow));
      size_ = data_ ? bytes : 0;
    }
    return {data_, size_ < bytes ? size_ : bytes};
  }

 private:
  void release() noexcept { ::operator delete (std::exchange(data_, nullptr), std::align_val_t{64}); }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Runs everything on the calling thread.
class Serial {
 public:
  Index size() const { return 1; }

  template <class F>
  void parallel(Index tasks, F&& f) {
    for (Index task = 0; task < tasks; ++task) f(Index{0}, task);
  }

  std::span<std::byte> scratch(std::size_t bytes) noexcept { return scratch_.get(bytes); }

 private:
  ScratchBuffer scratch_;
};

/// The calling thread's own Serial: the default executor.
inline Serial& this_thread_serial() {
  static thread_local Serial serial;
  return serial;
}

}  // namespace CREST_ABI
}  // namespace crest
