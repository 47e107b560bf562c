// How much guided should read on each layer.
#pragma once

#include "../common/budgets.hpp"
#include "study.hpp"

namespace frontier {

struct Suggestion {
  double target = 0;  ///< mean error to stay below on each layer
  demo::Budgets budgets{};
  std::vector<double> errors{};  ///< mean error of each layer at its budget
  double share = 0, error = 0;   ///< bytes and mean error of all layers together
  const Contender* uniform =
      nullptr;  ///< the budget that keeps every layer below the target at the fewest bytes; or null

  std::size_t exact() const;
};

/// For every layer, of the budgets that were tried and whose mean error is at most `target`, the one that really read
/// the fewest bytes: a small budget may send many rows to the exact way. Exact where none saves anything.
Suggestion suggest(const std::vector<LayerStudy>& layers, const std::vector<Contender>& contenders, double target);

}  // namespace frontier
