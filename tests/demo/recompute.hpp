// The demo's numbers for clustered once more, the slow way. Nothing here uses the library.
#pragma once

#include <filesystem>

#include "run_demo.hpp"

namespace demo_test {

/// The first and last keys that are always kept, and what a peak's window and plateau are.
struct Clustered {
  long stride = 16, reach = 32, peaks = 4, first = 4, last = 64;
  double drop = 8;
};

/// What the demo must print for a recipe of this kind on one layer of a trace.
Line recompute(const std::filesystem::path& trace, int layer, const Clustered& recipe);

}  // namespace demo_test
