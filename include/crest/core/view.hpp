// TensorView: a borrowed, strided array of fixed rank, with the member names of std::mdspan.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>

#include "crest/core/config.hpp"

namespace crest {
inline namespace v0 {

using Index = std::ptrdiff_t;

/// Half-open range [first, last) of key positions.
struct KeyRange {
  Index first = 0, last = 0;
  friend constexpr bool operator==(KeyRange, KeyRange) = default;
};

/// Number of keys in a range.
CREST_INLINE constexpr Index length(KeyRange r) { return r.last - r.first; }

/// Common part of two ranges; empty ranges keep first <= last.
CREST_INLINE constexpr KeyRange intersect(KeyRange a, KeyRange b) {
  const Index first = a.first > b.first ? a.first : b.first;
  const Index last = a.last < b.last ? a.last : b.last;
  return {first, last < first ? first : last};
}

/// Borrowed view of `Rank` axes. Strides count elements, not bytes; the last axis must be contiguous (stride 1).
/// A default-constructed view is "absent": no data, all extents 0.
template <class T, std::size_t Rank>
class TensorView {
 public:
  using element_type = T;
  using Extents = std::array<Index, Rank>;

  constexpr TensorView() = default;

  /// Row-major view of `data`.
  CREST_INLINE constexpr TensorView(T* data, Extents extents) : data_(data), extents_(extents) {
    Index step = 1;
    for (std::size_t r = Rank; r-- > 0; step *= extents_[r]) strides_[r] = step;
  }

  /// View with explicit strides, in elements.
  CREST_INLINE constexpr TensorView(T* data, Extents extents, Extents strides)
      : data_(data), extents_(extents), strides_(strides) {}

  /// Views of mutable data convert to views of const data.
  CREST_INLINE constexpr operator TensorView<const T, Rank>() const requires(!std::is_const_v<T>) {
    return {data_, extents_, strides_};
  }

  template <class... I>
  requires(sizeof...(I) == Rank) CREST_INLINE constexpr T& operator()(I... index) const { return *address(index...); }
  /// Where an element lies; unlike operator() fit for data that are not aligned for T.
  template <class... I>
  requires(sizeof...(I) == Rank) CREST_INLINE constexpr T* address(I... index) const {
    Index offset = 0;
    std::size_t r = 0;
    ((offset += static_cast<Index>(index) * strides_[r++]), ...);
    return data_ + offset;
  }

  CREST_INLINE constexpr Index extent(std::size_t r) const { return extents_[r]; }
  CREST_INLINE constexpr Index stride(std::size_t r) const { return strides_[r]; }
  CREST_INLINE constexpr T* data_handle() const { return data_; }
  static constexpr std::size_t rank() { return Rank; }

 private:
  T* data_ = nullptr;
  Extents extents_{}, strides_{};
};

}  // namespace v0
}  // namespace crest
