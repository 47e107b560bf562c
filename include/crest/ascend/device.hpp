// What a host backend needs from a device, and the device memory it uses.
#pragma once

#include <concepts>
#include <cstddef>

#include "crest/ascend/tiling.h"

namespace crest {
namespace ascend {

/// Pieces of device memory, by use.
enum class Region { q, k, v, samples, sketch, pages, items, groups, tiling, records, info, results, slots };
constexpr int regions = 13;

enum class Kernel { exact, clustered, clustered_mix, sketched, merge };

/// A device: named memory that only grows, copies, and the kernels on one stream. `false` means it failed. download()
/// waits for everything launched before. `workers(kernel)` is the largest useful number of blocks.
template <class D>
concept Device = requires(D d, Region region, std::size_t bytes, const void* from, void* to, Kernel kernel) {
  { d.reserve(region, bytes) } -> std::same_as<bool>;
  { d.upload(region, from, bytes) } -> std::same_as<bool>;
  { d.download(to, region, bytes) } -> std::same_as<bool>;
  { d.workers(kernel) } -> std::convertible_to<int>;
  { d.launch(kernel, 1) } -> std::same_as<bool>;
};

}  // namespace ascend
}  // namespace crest
