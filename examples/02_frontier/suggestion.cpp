#include "suggestion.hpp"

#include <algorithm>
#include <span>

namespace frontier {
namespace {

/// Of the contenders that a file of budgets can name and that are close enough everywhere, the one that reads least of
/// these layers; none when that is not less than everything.
std::optional<std::size_t> cheapest(std::span<const LayerStudy> layers, const std::vector<Contender>& contenders,
                                    double target) {
  std::optional<std::size_t> best;
  double least = 1;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    const auto close = [&](const LayerStudy& layer) { return layer.outcomes[i].error() <= target; };
    if (!(contenders[i].budget > 0) || !std::all_of(layers.begin(), layers.end(), close)) continue;
    Outcome all;
    for (const LayerStudy& layer : layers) all.add(layer.outcomes[i]);
    if (all.share() < least) best = i, least = all.share();
  }
  return best;
}

}  // namespace

std::size_t Suggestion::exact() const {
  return std::count_if(budgets.layers.begin(), budgets.layers.end(), [](const auto& layer) { return layer.exact; });
}

Suggestion suggest(const std::vector<LayerStudy>& layers, const std::vector<Contender>& contenders, double target) {
  Suggestion s{.target = target};
  Outcome all;
  for (const LayerStudy& layer : layers) {
    const std::optional<std::size_t> choice = cheapest({&layer, 1}, contenders, target);
    const Outcome& outcome = layer.outcomes[choice.value_or(0)];
    s.budgets.layers.push_back({layer.number, choice ? contenders[*choice].budget : 1, !choice});
    s.errors.push_back(outcome.error());
    all.add(outcome);
  }
  s.share = all.share();
  s.error = all.error();
  if (const auto choice = cheapest(layers, contenders, target)) s.uniform = &contenders[*choice];
  return s;
}

}  // namespace frontier
