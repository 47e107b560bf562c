// The trace that comes with the examples.
#pragma once

#include <filesystem>

namespace demo {

/// CREST_EXAMPLES_DATA is the path to it from the folder of the program.
inline std::filesystem::path default_trace() {
  std::error_code none;
  const std::filesystem::path program = std::filesystem::canonical("/proc/self/exe", none);
  return (program.parent_path() / CREST_EXAMPLES_DATA / "smollm2_prose_small").lexically_normal();
}

}  // namespace demo
