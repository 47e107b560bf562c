// A hardmax step by crest against the same in dense Eigen.
#pragma once

#include <vector>

#include "study.hpp"

namespace study {

struct Speed {
  Index n = 0, d = 0;
  double crest = 0, dense = 0, tiled = 0;  ///< seconds a step, one thread
  double followers = 0;                    ///< a step of Followers, mean of the 20 after the first
  double distance = 0;                     ///< between what crest and Eigen find, relative
};

/// `dense`: also in Eigen, which needs two n x n matrices.
Speed measure_speed(Index n, Index d, bool dense);

}  // namespace study
