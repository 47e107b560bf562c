#include "suggestion.hpp"

#include <algorithm>

namespace frontier {
namespace {

/// Numbers of the contenders that a file of budgets can name, by rising budget.
std::vector<std::size_t> tunable(const std::vector<Contender>& contenders) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < contenders.size(); ++i)
    if (contenders[i].budget > 0) all.push_back(i);
  std::sort(all.begin(), all.end(), [&](auto a, auto b) { return contenders[a].budget < contenders[b].budget; });
  return all;
}

/// The first of `choices` that is close enough on a layer; null when none is.
const std::size_t* cheapest(const LayerStudy& layer, const std::vector<std::size_t>& choices, double target) {
  const auto close = [&](std::size_t i) { return layer.outcomes[i].error() <= target; };
  const auto found = std::find_if(choices.begin(), choices.end(), close);
  return found == choices.end() ? nullptr : &*found;
}

}  // namespace

std::size_t Suggestion::exact() const {
  return std::count_if(budgets.layers.begin(), budgets.layers.end(), [](const auto& layer) { return layer.exact; });
}

Suggestion suggest(const std::vector<LayerStudy>& layers, const std::vector<Contender>& contenders, double target) {
  const std::vector<std::size_t> choices = tunable(contenders);
  Suggestion s{.target = target};
  Outcome all;
  std::size_t worst = 0;
  for (const LayerStudy& layer : layers) {
    const std::size_t* choice = cheapest(layer, choices, target);
    const Outcome& outcome = layer.outcomes[choice ? *choice : 0];
    s.budgets.layers.push_back({layer.number, choice ? contenders[*choice].budget : 1, !choice});
    s.errors.push_back(outcome.error());
    all.add(outcome);
    worst = std::max(worst, choice ? static_cast<std::size_t>(choice - choices.data()) : choices.size());
  }
  s.share = all.share();
  s.error = all.error();
  if (worst < choices.size()) s.uniform = &contenders[choices[worst]];
  return s;
}

}  // namespace frontier
