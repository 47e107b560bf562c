// Memory in 2 MiB pages, so that reading it measures memory and not page walks.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace bench {

/// Zeroed memory of its own, aligned to 2 MiB and, where the system grants it, in pages of 2 MiB.
class Pages {
 public:
  Pages() = default;
  explicit Pages(std::size_t bytes);
  Pages(Pages&& other) noexcept { *this = std::move(other); }
  Pages& operator=(Pages&& other) noexcept;
  ~Pages();

  std::span<std::byte> bytes() const { return bytes_; }

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(bytes_.data());
  }

 private:
  std::span<std::byte> mapped_, bytes_;
};

}  // namespace bench
