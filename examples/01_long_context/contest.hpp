// guided against other methods that read as many bytes.
#pragma once

#include "bench.hpp"

namespace demo {

/// Runs guided at some budgets, and every rival with the bytes that guided read at each position. Where guided reads
/// everything, so does everybody.
Contest compete(Bench& bench);

}  // namespace demo
