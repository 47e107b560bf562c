// The demo's contest once more: guided called row by row as a user would, with a new sketch each time, and every other
// method in plain loops over the same bytes.
#pragma once

#include <filesystem>

#include "run_demo.hpp"

namespace demo_test {

/// What the demo must print about one layer of a trace.
Contest recompute_contest(const std::filesystem::path& trace, int layer);

}  // namespace demo_test
