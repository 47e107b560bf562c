// How much guided should read on each layer of a model, as a small file of JSON:
//
//   {"format": "crest-budgets-1", "layers": [{"layer": 6, "budget": 0.1, "exact": false}, ...]}
//
// budget: GuidedOptions::budget of that layer, in (0, 1]. exact: the layer is done exactly, whatever its budget. Layers
// that are not listed are left to the caller. Other members are ignored.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "crest/crest.hpp"

namespace demo {

struct LayerBudget {
  int layer = 0;
  double budget = 1;
  bool exact = false;
};

struct Budgets {
  std::vector<LayerBudget> layers;

  /// What is said of a layer; null when nothing is.
  const LayerBudget* find(int layer) const;
  /// `recipe` with the budget of a layer, or as it is when the layer is not listed; none when it is to be exact.
  std::optional<crest::Guided> tuned(int layer, crest::Guided recipe) const;
  std::string json() const;
};

/// Throws std::invalid_argument, which names the file and the field, unless all is as described above.
Budgets read_budgets(const std::filesystem::path& file);

}  // namespace demo
