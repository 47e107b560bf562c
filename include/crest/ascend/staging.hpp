// Host copies of what goes to the device and comes back.
#pragma once

#include <array>
#include <cstring>

#include "crest/ascend/device.hpp"
#include "crest/core/view.hpp"

namespace crest {
namespace ascend {
inline namespace CREST_ABI {

/// Host copies of the regions, in one piece of scratch memory.
class Staging {
 public:
  void add(Region region, std::size_t bytes) {
    offset_[index(region)] = total_;
    bytes_[index(region)] = (bytes + 511) / 512 * 512;
    total_ += bytes_[index(region)];
  }
  /// Room that has no twin on the device; returns where it begins.
  std::size_t add_host(std::size_t bytes) {
    const std::size_t at = total_;
    total_ += (bytes + 511) / 512 * 512;
    return at;
  }
  void use(std::byte* memory) { memory_ = memory; }
  std::size_t total() const { return total_; }
  std::size_t bytes(Region region) const { return bytes_[index(region)]; }
  std::byte* raw(Region region) const { return memory_ + offset_[index(region)]; }
  std::byte* host(std::size_t at) const { return memory_ + at; }
  template <class T>
  T* at(Region region) const {
    return reinterpret_cast<T*>(raw(region));
  }

 private:
  static std::size_t index(Region region) { return static_cast<std::size_t>(region); }

  std::byte* memory_ = nullptr;
  std::size_t total_ = 0;
  std::array<std::size_t, regions> offset_{}, bytes_{};
};

/// One row of a view, of any alignment; returns the end.
template <class T>
std::byte* pack_row(const TensorView<const T, 3>& t, Index i, Index j, std::byte* to) {
  const std::size_t bytes = static_cast<std::size_t>(t.extent(2)) * sizeof(T);
  std::memcpy(to, t.data_handle() + i * t.stride(0) + j * t.stride(1), bytes);
  return to + bytes;
}

/// All rows of a view, plane by plane, without gaps; returns the end.
template <class T>
std::byte* pack_planes(const TensorView<const T, 3>& t, std::byte* to) {
  for (Index i = 0; i < t.extent(0); ++i)
    for (Index j = 0; j < t.extent(1); ++j) to = pack_row(t, i, j, to);
  return to;
}

}  // namespace CREST_ABI
}  // namespace ascend
}  // namespace crest
