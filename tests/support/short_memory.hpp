// Global operator new that counts what is alive, and fails when told to. Include in one file of a program.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

namespace test {

inline std::atomic<long> allocations_left = -1;  ///< negative: as many as you like
inline std::atomic<std::size_t> bytes_alive = 0;

namespace memory {

constexpr std::size_t front = 64;  ///< before each piece: its size

constexpr std::size_t all = std::size_t{1} << 36;  ///< no machine of a test has more

inline void* take(std::size_t bytes) noexcept {
  if (allocations_left == 0 || bytes > all) return nullptr;
  if (allocations_left > 0) --allocations_left;
  auto* piece = static_cast<std::byte*>(std::aligned_alloc(front, (bytes + 2 * front - 1) / front * front));
  if (!piece) return nullptr;
  *reinterpret_cast<std::size_t*>(piece) = bytes;
  bytes_alive += bytes;
  return piece + front;
}
inline void* take_or_throw(std::size_t bytes) {
  if (void* memory = take(bytes)) return memory;
  throw std::bad_alloc();
}
inline void give_back(void* memory) noexcept {
  if (!memory) return;
  auto* piece = static_cast<std::byte*>(memory) - front;
  bytes_alive -= *reinterpret_cast<std::size_t*>(piece);
  std::free(piece);
}

}  // namespace memory

/// Lets `count` more allocations succeed while it lives.
struct ShortOfMemory {
  explicit ShortOfMemory(long count) { allocations_left = count; }
  ~ShortOfMemory() { allocations_left = -1; }
};

}  // namespace test

void* operator new(std::size_t bytes) { return test::memory::take_or_throw(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return test::memory::take(bytes); }
void* operator new(std::size_t bytes, std::align_val_t) { return test::memory::take_or_throw(bytes); }
void* operator new(std::size_t bytes, std::align_val_t, const std::nothrow_t&) noexcept {
  return test::memory::take(bytes);
}
void operator delete(void* memory) noexcept { test::memory::give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { test::memory::give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { test::memory::give_back(memory); }
