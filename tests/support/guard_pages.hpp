// Rows on pages of their own, which can be made unreadable: a read of one ends the program.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "support/tensor.hpp"

namespace test {

/// Rows of one plane, each at the end of its page and followed by nothing readable but the next page's start.
template <class T>
class PagedRows {
 public:
  PagedRows(Index rows, Index columns) : rows_(rows), columns_(columns) {
    memory_ = static_cast<unsigned char*>(
        mmap(nullptr, rows * page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  PagedRows(const PagedRows&) = delete;
  PagedRows& operator=(const PagedRows&) = delete;
  ~PagedRows() { munmap(memory_, rows_ * page()); }

  void copy(const Tensor<T>& from) {
    for (Index j = 0; j < rows_; ++j)
      for (Index x = 0; x < columns_; ++x) {
        const T stored = from_float<T>(from.get(0, j, x));
        std::memcpy(row(j) + x, &stored, sizeof stored);
      }
  }
  void forbid(Index j) { mprotect(memory_ + j * page(), page(), PROT_NONE); }

  TensorView<const T, 3> view() const {
    const Index stride = page() / static_cast<Index>(sizeof(T));
    return {row(0), {1, rows_, columns_}, {rows_ * stride, stride, 1}};
  }

 private:
  static Index page() { return sysconf(_SC_PAGESIZE); }
  T* row(Index j) const { return reinterpret_cast<T*>(memory_ + (j + 1) * page()) - columns_; }

  Index rows_, columns_;
  unsigned char* memory_;
};

}  // namespace test
