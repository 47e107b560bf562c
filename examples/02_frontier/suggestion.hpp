// How much guided should read on each layer.
#pragma once

#include "../common/budgets.hpp"
#include "study.hpp"

namespace frontier {

struct Suggestion {
  double target = 0;  ///< mean error to stay below on each layer
  demo::Budgets budgets{};
  std::vector<double> errors{};        ///< mean error of each layer at its budget
  double share = 0, error = 0;         ///< bytes and mean error of all layers together
  const Contender* uniform = nullptr;  ///< the smallest budget that keeps every layer below the target; null when none

  std::size_t exact() const;
};

/// For every layer the smallest of the budgets that were tried whose mean error is at most `target`; exact where none
/// is.
Suggestion suggest(const std::vector<LayerStudy>& layers, const std::vector<Contender>& contenders, double target);

}  // namespace frontier
