// What a program says and returns when it cannot go on.
#pragma once

#include <exception>
#include <iostream>
#include <string_view>

#include "npy.hpp"

namespace demo {

/// Returns what f() returns; 2 when a trace cannot be used, 1 when anything else goes wrong.
template <class F>
int exit_code(std::string_view program, F&& f) {
  try {
    return f();
  } catch (const TraceError& e) {
    std::cerr << program << ": " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << program << ": " << e.what() << '\n';
    return 1;
  }
}

}  // namespace demo
