// The Ascend backend: whole Problems on an NPU, with caches copied from host memory.
//
//   crest::ascend::AclDevice device;                                   // crest/ascend/acl_device.hpp
//   crest::attention(problem, crest::exact, executor, crest::ascend::Ascend(device));
//
// An engine whose cache lives on the device fills Tiling, Items and Groups itself (plan.hpp, tiling.h) and launches the
// kernels on its own stream. No call falls back to the CPU: what the kernels do not support is Status::backend, with
// what was expected and what was found.
#pragma once

#include "crest/ascend/call.hpp"

namespace crest {
namespace ascend {
inline namespace CREST_ABI {

/// f16 caches, head_dim = value_dim = 64 or 128, recipes `exact` (any that reads all keys), `clustered` and Sketched.
template <Device D>
class Ascend {
 public:
  explicit Ascend(D& device, AscendOptions options = {}) : device_(&device), options_(options) {}

  template <class T, class R, class E>
  Report run(std::span<const Problem<T>> problems, const R& recipe, E& executor) const {
    if constexpr (std::is_same_v<T, f16> && supported_recipe<R>) {
      const Report refused = check_support(problems, recipe);
      return refused.ok() ? Call<D, R>(*device_, problems, recipe, options_).run(executor) : refused;
    } else {
      return {.status = Status::backend};
    }
  }

 private:
  static Report refuse(Index problem, Index expected, Index found) {
    return {.status = Status::backend, .problem = problem, .expected = expected, .found = found};
  }

  template <class R>
  static Report check_support(std::span<const Problem<f16>> problems, const R& recipe) {
    Index dim = 0;
    for (std::size_t i = 0; i < problems.size(); ++i) {
      const Problem<f16>& p = problems[i];
      const Index at = static_cast<Index>(i);
      if (!p.logits.none() || p.pages.given()) return refuse(at, 0, 1);
      if (p.q.element() != Element::f32 || p.o.element() != Element::f32) return refuse(at, 4, 2);
      if (p.head_dim() != 64 && p.head_dim() != 128) return refuse(at, 128, p.head_dim());
      if (p.value_dim() != p.head_dim()) return refuse(at, p.head_dim(), p.value_dim());
      if (dim != 0 && p.head_dim() != dim) return refuse(at, dim, p.head_dim());
      dim = p.head_dim();
    }
    return check_recipe(recipe);
  }

  /// A strided transfer's gap has 16 bits, counted in 32-byte blocks.
  template <class R>
  static Report check_recipe(const R& recipe) {
    if constexpr (std::is_same_v<R, Clustered>) {
      constexpr Index longest_step = 8192;
      if (recipe.sampler.step > longest_step) return refuse(0, longest_step, recipe.sampler.step);
      if (recipe.refiner.peaks > Index{max_peaks}) return refuse(0, max_peaks, recipe.refiner.peaks);
    }
    return {};
  }

  D* device_;
  AscendOptions options_;
};

}  // namespace CREST_ABI
}  // namespace ascend
}  // namespace crest
