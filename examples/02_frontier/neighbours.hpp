// Whether the heaviest key has neighbours that are nearly as heavy: the premise of looking at samples and windows.
#pragma once

#include <span>
#include <vector>

#include "crest/core/view.hpp"

namespace frontier {

using crest::Index;

/// Rows whose maximum has, within +-k keys, another key of at least `ratio` times its size.
struct Neighbours {
  static constexpr double ratios[] = {0.8, 0.9, 0.95, 0.99};
  static constexpr Index reach = 8, sinks = 4;
  enum Size { weights, raw_scores };
  enum Keys { without_sinks, all_keys };  ///< without: the first `sinks` keys count neither as maximum nor as neighbour

  /// Sums over rows, [ratio][k - 1].
  struct Sums {
    double rows = 0;
    double found[4][reach]{};
    double by_chance[4][reach]{};  ///< what as many keys drawn at random, the maximum not among them, would find

    double share(int ratio, Index k) const { return found[ratio][k - 1] / rows; }
    double chance(int ratio, Index k) const { return by_chance[ratio][k - 1] / rows; }
    void add(const Sums& more);
  };
  Sums of[2][2];  ///< [Size][Keys]

  /// Scores of all visible keys of a row, nats; a row of fewer than two keys does not count. Raw scores are compared as
  /// they are; a row whose maximum is not positive has no neighbour then.
  void add_row(std::span<const double> scores);
  void add(const Neighbours& more);
};

}  // namespace frontier
