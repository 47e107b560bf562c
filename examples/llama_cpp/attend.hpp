// The calls of crest, each element of a cache compiled by itself: kernels take a compiler long.
#pragma once

#include <vector>

#include "crest/crest.hpp"
#include "team.hpp"

namespace plugin {

/// Who computes, and how: guided or sparse with these options, or exactly where there are none.
struct Attend {
  Team& team;
  crest::Backend backend;
  const crest::GuidedOptions* guided = nullptr;
  const crest::SparseOptions* sparse = nullptr;

  template <class T>
  crest::Report run(const std::vector<crest::Problem<T>>& problems) const;
};

}  // namespace plugin
