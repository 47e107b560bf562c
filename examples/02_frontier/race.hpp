// Softmax policies side by side: how often the reference moves, what that costs, and how far off it is.
#pragma once

#include "study.hpp"

namespace frontier {

struct Runner {
  std::string name;
  double rescales = 0, rows = 0, seconds = 0, error = 0, share = 0;
};

/// Times every policy on one thread at some positions of every layer, the cache in the core's own as far as it fits.
std::vector<Runner> race(const demo::Trace& trace, const std::vector<Contender>& policies, crest::Pool& pool,
                         demo::Progress& progress);

}  // namespace frontier
