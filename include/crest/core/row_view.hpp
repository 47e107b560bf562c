// RowView: rows of float, f16 or bf16 elements behind one type. Rows of q, o and a bias are touched once per call, so
// a switch at run time does, and kernels need not be compiled for each type.
#pragma once

#include "crest/core/dtype.hpp"

namespace crest {
inline namespace v0 {

/// How an element of a row is stored.
enum class Element : std::uint8_t { f32, f16, bf16 };

template <class T>
inline constexpr Element element_of = std::is_same_v<T, f16>    ? Element::f16
                                      : std::is_same_v<T, bf16> ? Element::bf16
                                                                : Element::f32;

/// A TensorView of rank 3 whose elements may be float, f16 or bf16; F is float or const float. Members of TensorView
/// that give an element or its address are for floats only; row() is for all.
template <class F>
class RowView : public TensorView<F, 3> {
  using Base = TensorView<F, 3>;
  template <class T>
  static constexpr bool fits = is_float_element<std::remove_const_t<T>> && (std::is_const_v<F> || !std::is_const_v<T>);

 public:
  using Base::Base;

  template <class T>
  requires fits<T> CREST_INLINE constexpr RowView(const TensorView<T, 3>& v)
      : Base(of_floats(v.data_handle()), {v.extent(0), v.extent(1), v.extent(2)},
             {v.stride(0), v.stride(1), v.stride(2)}),
        element_(element_of<std::remove_const_t<T>>) {}
  /// Rows that may be written are rows that may be read.
  CREST_INLINE constexpr operator RowView<const float>() const requires(!std::is_const_v<F>) {
    RowView<const float> view(static_cast<const Base&>(*this));
    view.element_ = element_;
    return view;
  }

  CREST_INLINE constexpr Element element() const { return element_; }
  /// Whether there is no view.
  CREST_INLINE constexpr bool absent() const { return this->data_handle() == nullptr && this->extent(0) == 0; }
  CREST_INLINE constexpr Index element_bytes() const { return element_ == Element::f32 ? 4 : 2; }
  /// First element of row (i, j).
  CREST_INLINE auto* row(Index i, Index j) const {
    using Byte = std::conditional_t<std::is_const_v<F>, const std::byte, std::byte>;
    using Any = std::conditional_t<std::is_const_v<F>, const void, void>;
    const Index at = i * this->stride(0) + j * this->stride(1);
    return static_cast<Any*>(reinterpret_cast<Byte*>(this->data_handle()) + at * element_bytes());
  }

 private:
  template <class>
  friend class RowView;

  template <class T>
  CREST_INLINE static constexpr F* of_floats(T* data) {
    if constexpr (std::is_same_v<std::remove_const_t<T>, float>)
      return data;
    else
      return reinterpret_cast<F*>(data);
  }

  Element element_ = Element::f32;
};

}  // namespace v0
}  // namespace crest
