#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace demo {

using crest::Index;

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Index row_at(const std::vector<double>& values, double quantile) {
  std::vector<Index> order(values.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return values[a] < values[b]; });
  return order[static_cast<std::size_t>(std::lround(quantile * static_cast<double>(order.size() - 1)))];
}

double value_at(const std::vector<double>& values, double quantile) {
  return values.empty() ? std::numeric_limits<double>::quiet_NaN() : values[row_at(values, quantile)];
}

}  // namespace demo
