// Where a call enters the kernels of a backend, and where a program may keep them: compiled once for all of its files.
#pragma once

#include "crest/backend/registry.hpp"

namespace crest {
inline namespace CREST_ABI {

/// The kernels that attend and merge for recipe R on caches of T, compiled for one backend.
///
/// They are what takes a compiler's time, once in every file that calls attention(). A program of many such files may
/// have them compiled in one. A header that all include:
///     extern template struct crest::TaskKernels<crest::f16, crest::Exact>;
/// and one of the files, compiled with the same -m flags as the others:
///     template struct crest::TaskKernels<crest::f16, crest::Exact>;
/// With other flags the linker misses TaskKernels::of (core/config.hpp says why). Source: the language's explicit
/// instantiation declarations, C++20 [temp.explicit].
template <class T, class R>
struct TaskKernels {
  /// Does one task of a call: its queries of one KV head, over its keys.
  void (*attend)(const TaskCall<T>& call, const R& recipe);
  /// Makes the rows of query tile `tile` of a KV head from the partial results of all its splits.
  void (*merge)(const Problem<T>& p, const Plan& plan, Index kv_head, Index tile, float* partials, Tally& tally);

  /// Those of a backend that is compiled in, which must be available() when they run. User kernel text
  /// (CREST_USER_KERNELS) is found through the region by argument-dependent lookup.
  static TaskKernels of(Backend backend);
};

// Out of the class: what is inline would be compiled in spite of an `extern template`.
template <class T, class R>
TaskKernels<T, R> TaskKernels<T, R>::of(Backend backend) {
  TaskKernels found{};
  detail::Regions::visit(backend.index, [&](auto region) {
    using Region = decltype(region);
    found.attend = [](const TaskCall<T>& call, const R& recipe) { attend_task(Region{}, call, recipe); };
    found.merge = [](const Problem<T>& p, const Plan& plan, Index kv_head, Index tile, float* partials, Tally& tally) {
      merge_task<R>(Region{}, p, plan, kv_head, tile, partials, tally);
    };
  });
  return found;
}

}  // namespace CREST_ABI
}  // namespace crest
