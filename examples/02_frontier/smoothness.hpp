// How smooth scores are from key to key, and what samples miss.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "crest/core/view.hpp"

namespace frontier {

using crest::Index;

/// One number per row, of rows that see two keys or more. Steps are |s[j + 1] - s[j]| between neighbours, nats.
struct Smoothness {
  static constexpr std::array<Index, 6> strides{2, 4, 8, 16, 32, 64};

  std::vector<double> median, p95, steepest;               ///< of the steps of a row
  std::array<std::vector<double>, strides.size()> missed;  ///< how much lower the best sample is than the maximum

  /// Nobody can be higher above the best sample than that, with the steepest step of the row known.
  double bound(std::size_t row, std::size_t stride) const {
    return steepest[row] * static_cast<double>(strides[stride]);
  }
  std::vector<double> bounds(std::size_t stride) const;

  /// Scores of all visible keys of a row, nats.
  void add_row(std::span<const double> scores);
  void add(const Smoothness& more);
};

}  // namespace frontier
