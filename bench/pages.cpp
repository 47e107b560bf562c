#include "pages.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace bench {

namespace {
constexpr std::size_t page = std::size_t{2} << 20;
}

Pages::Pages(std::size_t bytes) {
  const std::size_t size = (bytes + 2 * page - 1) / page * page;  // one page to spare for alignment
  void* map = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc{};
  madvise(map, size, MADV_HUGEPAGE);
  mapped_ = {static_cast<std::byte*>(map), size};
  const std::size_t skip = (page - reinterpret_cast<std::uintptr_t>(map) % page) % page;
  bytes_ = mapped_.subspan(skip, bytes);
}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(mapped_, other.mapped_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Pages::~Pages() {
  if (!mapped_.empty()) munmap(mapped_.data(), mapped_.size());
}

}  // namespace bench
