// Replaces global operator new by one that counts. For one file of a program.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

namespace test {

inline std::atomic<int> allocations = 0;

inline void* counted(std::size_t bytes, std::size_t alignment) noexcept {
  allocations.fetch_add(1);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
inline void* counted_or_throw(std::size_t bytes, std::size_t alignment) {
  if (void* memory = counted(bytes, alignment)) return memory;
  throw std::bad_alloc();
}

}  // namespace test

void* operator new(std::size_t bytes) { return test::counted_or_throw(bytes, 16); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return test::counted(bytes, 16); }
void* operator new(std::size_t bytes, std::align_val_t a) { return test::counted_or_throw(bytes, std::size_t(a)); }
void* operator new(std::size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return test::counted(bytes, std::size_t(a));
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // operator new above is malloc, once both are inlined
#endif
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
