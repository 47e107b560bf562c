// Says on stderr what is being done, once it takes long.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

namespace demo {

class Progress {
 public:
  /// Prints `what` when the last line is more than two seconds old.
  void say(const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(2)) return;
    std::fprintf(stderr, "... %s\n", what.c_str());
    last_ = now;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace demo
