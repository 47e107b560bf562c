// Samplers: where to look first.
#pragma once

#include <concepts>

#include "crest/policy/look.hpp"

namespace crest {
inline namespace CREST_ABI {

/// A sampler is asked in rounds 0, 1, 2 ... which keys to score, until it wants none new; each round sees the scores of
/// the rounds before.
template <class S>
concept Sampler = requires(const S s, Index round, const Scored& seen, Wanted& wanted) {
  s.sample(round, seen, wanted);
};

/// Every key: the full scan.
struct EveryKey {
  void sample(Index round, const Scored&, Wanted& wanted) const {
    if (round > 0) return;
    for (KeyRange r : wanted.visible()) wanted.add(r);
  }
};

/// Every step-th visible key. Cost n / step keys.
struct Stride {
  Index step = 16;

  void sample(Index round, const Scored&, Wanted& wanted) const {
    if (round > 0) return;
    for (KeyRange r : wanted.visible()) wanted.add(r, step);
  }
  constexpr bool valid() const { return step > 0; }
};

}  // namespace CREST_ABI
}  // namespace crest
