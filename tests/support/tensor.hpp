// Tensors that own their memory, with gaps between rows and any alignment. Gaps hold NaN in every element type, so a
// kernel that uses one byte too many shows; the storage ends with the last element, so that AddressSanitizer sees a
// read past it.
#pragma once

#include <cstring>
#include <vector>

#include "crest/core/dtype.hpp"

namespace test {

using crest::bf16;
using crest::f16;
using crest::Index;
using crest::TensorView;

template <class T>
T from_float(float x) {
  if constexpr (std::is_same_v<T, f16>)
    return crest::to_f16(x);
  else if constexpr (std::is_same_v<T, bf16>)
    return crest::to_bf16(x);
  else
    return x;
}

struct Layout {
  Index head_gap = 0;  ///< unused elements after each [rows, columns] plane
  Index row_gap = 0;   ///< unused elements after each row
  Index offset = 0;    ///< bytes before the first element
};

/// [planes, rows, columns] of T.
template <class T>
class Tensor {
 public:
  using Extents = std::array<Index, 3>;

  explicit Tensor(Extents extents = {}, Layout layout = {}) : extents_(extents), layout_(layout) {
    strides_ = {extents[1] * (extents[2] + layout.row_gap) + layout.head_gap, extents[2] + layout.row_gap, 1};
    const bool empty = extents[0] * extents[1] * extents[2] == 0;
    const Index last = (extents[0] - 1) * strides_[0] + (extents[1] - 1) * strides_[1] + extents[2] - 1;
    memory_.assign(layout.offset + (empty ? 0 : last + 1) * static_cast<Index>(sizeof(T)), filler);
  }

  T* data() { return reinterpret_cast<T*>(memory_.data() + layout_.offset); }
  TensorView<T, 3> view() { return {data(), extents_, strides_}; }
  TensorView<T, 2> plane() { return {data(), {extents_[1], extents_[2]}, {strides_[1], 1}}; }
  const Extents& extents() const { return extents_; }

  void set(Index i, Index j, Index x, float value) {
    const T stored = from_float<T>(value);
    std::memcpy(memory_.data() + byte(i, j, x), &stored, sizeof stored);
  }
  float get(Index i, Index j, Index x) const {
    T stored;
    std::memcpy(&stored, memory_.data() + byte(i, j, x), sizeof stored);
    return crest::to_float(stored);
  }

  /// Sets every element to f(plane, row, column).
  template <class F>
  void fill(F&& f) {
    for (Index i = 0; i < extents_[0]; ++i)
      for (Index j = 0; j < extents_[1]; ++j)
        for (Index x = 0; x < extents_[2]; ++x) set(i, j, x, f(i, j, x));
  }
  template <class F>
  void fill_row(Index i, Index j, F&& f) {
    for (Index x = 0; x < extents_[2]; ++x) set(i, j, x, f(x));
  }

  /// No byte outside the elements was written.
  bool gaps_untouched() const {
    std::vector<unsigned char> rest = memory_;
    for (Index i = 0; i < extents_[0]; ++i)
      for (Index j = 0; j < extents_[1]; ++j) std::memset(rest.data() + byte(i, j, 0), filler, row_bytes());
    return rest == std::vector<unsigned char>(rest.size(), filler);
  }
  /// No byte at all was written since construction.
  bool untouched() const { return memory_ == std::vector<unsigned char>(memory_.size(), filler); }
  const std::vector<unsigned char>& bytes() const { return memory_; }
  void reset() { memory_.assign(memory_.size(), filler); }

 private:
  static constexpr unsigned char filler = 0xff;

  Index byte(Index i, Index j, Index x) const {
    return layout_.offset + (i * strides_[0] + j * strides_[1] + x) * static_cast<Index>(sizeof(T));
  }
  std::size_t row_bytes() const { return static_cast<std::size_t>(extents_[2]) * sizeof(T); }

  Extents extents_, strides_{};
  Layout layout_;
  std::vector<unsigned char> memory_;
};

}  // namespace test
