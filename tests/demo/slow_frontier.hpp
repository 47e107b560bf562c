// Numbers of the laboratory once more, in plain loops over the scores of a trace. Nothing here uses the library.
#pragma once

#include <array>
#include <filesystem>
#include <vector>

#include "slow_layer.hpp"

namespace demo_test {

/// Scores of all rows of a layer.
std::vector<std::vector<double>> all_scores(const SlowLayer& layer);

/// Shares of rows, and what as many random keys would find: [ratio][distance - 1].
struct SlowNeighbours {
  double rows = 0;
  std::array<std::array<double, 8>, 4> found{}, by_chance{};
};

/// `raw`: ratios of scores, else of softmax weights. `first`: the first key that counts.
SlowNeighbours slow_neighbours(const std::vector<std::vector<double>>& rows, bool raw, std::size_t first);

/// Steps between neighbours, means over the rows of each row's median and 95th percentile, and the largest of all.
struct SlowSteps {
  double median = 0, p95 = 0, largest = 0;
};
SlowSteps slow_steps(const std::vector<std::vector<double>>& rows);

/// How far the maximum stands above the best of every `stride`-th key, and the mean of the bound on that.
struct SlowMiss {
  double mean = 0, p99 = 0, bound = 0;
};
SlowMiss slow_miss(const std::vector<std::vector<double>>& rows, std::size_t stride);

}  // namespace demo_test
