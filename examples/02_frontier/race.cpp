#include "race.hpp"

#include <algorithm>

#include "../common/timing.hpp"

namespace frontier {
namespace {

constexpr Index positions = 16;
constexpr int repeat = 5;

double time_call(const Contender& policy, const demo::Batch& batch) {
  return demo::best_seconds(repeat, 1, [&] { demo::require_ok(policy.call(batch.problems())); });
}

}  // namespace

std::vector<Runner> race(const demo::Trace& trace, const std::vector<Contender>& policies, crest::Pool& pool,
                         demo::Progress& progress) {
  const demo::Trace few = thinned(trace, positions);
  const LayerStudy all = together(study(few, policies, pool, progress));
  std::vector<Runner> runners;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const Outcome& o = all.outcomes[i];
    runners.push_back({policies[i].label.text(), o.counts.rescales, o.counts.rows, 0, o.error(), o.share()});
  }
  for (const demo::Layer& layer : few.layers) {
    progress.say("timing softmax policies on layer " + std::to_string(layer.number));
    const demo::Batch batch(few, layer, 0);
    for (std::size_t i = 0; i < policies.size(); ++i) runners[i].seconds += time_call(policies[i], batch);
  }
  return runners;
}

}  // namespace frontier
