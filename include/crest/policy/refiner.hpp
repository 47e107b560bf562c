// Refiners: where to look next, given the samples.
#pragma once

#include <concepts>

#include "crest/policy/pick.hpp"

namespace crest {
inline namespace CREST_ABI {

/// A refiner is asked in rounds 0, 1, 2 ... which keys to score, until it wants none new; it always sees all scores so
/// far.
template <class R>
concept Refiner = requires(const R r, Index round, const Scored& seen, Wanted& wanted) {
  r.refine(round, seen, wanted);
};

/// No refinement.
struct Stay {
  void refine(Index, const Scored&, Wanted&) const {}
};

/// Every key within `reach` of the `peaks` best samples of each query head.
/// Cost at most heads * peaks * (2 reach + 1) keys, whatever the context length.
struct Window {
  Index reach = 32;
  Index peaks = 4;
  static constexpr Index max_peaks = BestKeys::most, max_reach = Index{1} << 31;

  void refine(Index round, const Scored& seen, Wanted& wanted) const {
    if (round > 0) return;
    for (Index head = 0; head < seen.heads; ++head)
      best_keys(seen, head, peaks).each([&](Index key) {
        wanted.add({std::max<Index>(0, key - reach), key + reach + 1});
      });
  }
  constexpr bool valid() const { return reach >= 0 && reach < max_reach && peaks > 0 && peaks <= max_peaks; }
};

/// From the tops of the `peaks` best hills uphill, neighbour by neighbour, for at most `steps` rounds. A hill is a run
/// of scored keys without a gap (at first, a lone sample), its top the best key of it; a hill whose top has both
/// neighbours scored is done. Each head climbs by its own scores.
/// Cost at most 2 heads * peaks * steps keys; a climb ends at the first local maximum, so smooth scores cost least.
/// Greedy hill climbing on the scores along the keys: an idea of crest's own; it finds what a stride passed over only
/// where scores rise steadily towards it.
struct Climb {
  Index peaks = 4;
  Index steps = 32;

  void refine(Index round, const Scored& seen, Wanted& wanted) const {
    if (round >= steps) return;
    for (Index head = 0; head < seen.heads; ++head)
      tops(seen, head).each([&](Index key) { wanted.add({key - 1, key + 2}); });
  }
  constexpr bool valid() const { return steps >= 0 && peaks > 0 && peaks <= BestKeys::most; }

 private:
  BestKeys tops(const Scored& seen, Index head) const {
    constexpr float nothing = -std::numeric_limits<float>::infinity();
    BestKeys best(peaks);
    Index before = -1, top = -1;
    float highest = nothing;
    for (Index key : seen.keys) {
      if (key != before + 1) best.offer(top, highest), highest = nothing;
      if (const float s = seen.score(key, head); s > highest) highest = s, top = key;
      before = key;
    }
    best.offer(top, highest);
    return best;
  }
};

}  // namespace CREST_ABI
}  // namespace crest
