// One case of the table: the read limit, exact, clustered and the textbook loop by turns on the same buffers.
#pragma once

#include <vector>

#include "row.hpp"

namespace bench {

struct Effort {
  double seconds = 0.3;                    ///< for each thing timed
  bool textbook = true, clustered = true;  ///< in measure()
  std::vector<crest::Backend> backends;
};

/// One line for each backend.
std::vector<Line> measure(const Case&, const Effort&);

}  // namespace bench
