// Refiners: where to look next, given the samples.
#pragma once

#include <array>
#include <concepts>
#include <limits>

#include "crest/policy/look.hpp"

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
  static constexpr Index max_peaks = 16, max_reach = Index{1} << 31;

  void refine(Index round, const Scored& seen, Wanted& wanted) const {
    if (round > 0) return;
    for (Index head = 0; head < seen.heads; ++head)
      for (const Peak& p : best(seen, head))
        if (p.key >= 0) wanted.add({std::max<Index>(0, p.key - reach), p.key + reach + 1});
  }
  constexpr bool valid() const { return reach >= 0 && reach < max_reach && peaks > 0 && peaks <= max_peaks; }

 private:
  struct Peak {
    float score = -std::numeric_limits<float>::infinity();
    Index key = -1;
  };

  /// The best scored keys of a head, best first.
  std::array<Peak, max_peaks> best(const Scored& seen, Index head) const {
    std::array<Peak, max_peaks> top{};
    for (Index key : seen.keys) {
      const float s = seen.score(key, head);
      if (!(s > top[peaks - 1].score)) continue;
      Index slot = peaks - 1;
      for (; slot > 0 && s > top[slot - 1].score; --slot) top[slot] = top[slot - 1];
      top[slot] = {s, key};
    }
    return top;
  }
};

}  // namespace CREST_ABI
}  // namespace crest
