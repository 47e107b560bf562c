// What the demo holds crest against: a textbook loop, and how fast the same bytes can be read at all.
#pragma once

#include <span>
#include <vector>

#include "crest/crest.hpp"

namespace demo {

/// Attention of one problem as textbooks write it, with the instructions of `backend`.
void textbook(const crest::Problem<crest::f16>& problem, crest::Backend backend);

/// Different ways to read memory; the read limit is the fastest of them.
constexpr int read_loops = 6;

/// Reads the K and V rows of one problem once. Returns something that depends on all of them.
float read(const crest::Problem<crest::f16>& problem, int loop, crest::Backend backend);

}  // namespace demo
