// The data that come with the examples.
#pragma once

#include <filesystem>

namespace demo {

/// CREST_EXAMPLES_DATA is the path to them from the folder of the program.
inline std::filesystem::path data_folder(const char* name) {
  std::error_code none;
  const std::filesystem::path program = std::filesystem::canonical("/proc/self/exe", none);
  return (program.parent_path() / CREST_EXAMPLES_DATA / name).lexically_normal();
}

inline std::filesystem::path default_trace() { return data_folder("smollm2_prose_small"); }

}  // namespace demo
