// Samplers: where to look first.
#pragma once

#include <cmath>
#include <concepts>

#include "crest/core/index_view.hpp"
#include "crest/policy/pick.hpp"

namespace crest {
inline namespace CREST_ABI {

class GroupScores;  // policy/groups.hpp

/// A sampler by groups is shown the scores of the groups of a KeyIndex of its kind, once.
template <class S>
concept GroupSampler = requires(const S s, const GroupScores& groups, Wanted& wanted) {
  { S::grouping } -> std::convertible_to<Grouping>;
  s.choose(groups, wanted);
};

/// A sampler is asked in rounds 0, 1, 2 ... which keys to score, until it wants none new; each round sees the scores of
/// the rounds before.
template <class S>
concept Sampler = GroupSampler<S> || requires(const S s, Index round, const Scored& seen, Wanted& wanted) {
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

/// Coarse to fine: every steps[0]-th visible key, then every steps[1]-th around the `peaks` best of those, and so on:
/// level i looks within steps[i - 1] of each head's best keys so far. Steps fall from level to level; zeros end the
/// list. Levels whose steps divide each other share their grid. A level that finds nothing new to ask for is the last.
/// Cost n / steps[0] + heads * peaks * sum_i (2 steps[i - 1] / steps[i] + 1) keys.
/// Multi-scale search in position; it trusts that a coarse sample tells of its surroundings, as `clustered` does.
struct Pyramid {
  static constexpr Index max_levels = 4, max_step = Index{1} << 31;
  std::array<Index, max_levels> steps{64, 8};
  Index peaks = 4;

  void sample(Index round, const Scored& seen, Wanted& wanted) const {
    if (round == 0) return Stride{steps[0]}.sample(round, seen, wanted);
    if (round >= max_levels || steps[round] == 0) return;
    const Index reach = steps[round - 1];
    for (Index head = 0; head < seen.heads; ++head)
      best_keys(seen, head, peaks).each([&](Index key) { wanted.add({key - reach, key + reach + 1}, steps[round]); });
  }
  constexpr bool valid() const {
    bool falling = true;
    for (Index i = 1; i < max_levels; ++i) falling &= steps[i] == 0 || (steps[i] > 0 && steps[i] < steps[i - 1]);
    return falling && steps[0] > 0 && steps[0] < max_step && peaks > 0 && peaks <= BestKeys::most;
  }
};

/// One key in `stride` of every block, on the antidiagonals of the attention matrix: query i and key j with i + j + 1 a
/// multiple of the stride. Blocks are ranked by the summed softmax weights of these, and each head takes the fewest
/// blocks that hold `mass` of them; all keys of those blocks are scored.
/// Cost n / stride keys, and block keys for each block taken: at most all of them.
/// XAttention (Xu et al. 2025, arXiv 2503.16428) ranks blocks of queries by keys, for prefill; this is its rule for one
/// query, where an antidiagonal is a stride whose offset moves with the query.
struct Antidiagonal {
  Index block = 128;
  Index stride = 16;
  float mass = 0.9f;

  void sample(Index round, const Scored& seen, Wanted& wanted) const {
    if (round == 0) return sample_lines(seen.query.position, wanted);
    for (Index head = 0; head < seen.heads && round == 1; ++head) {
      double total = 0;
      each_block(seen, head, [&](Index, float weight) { total += weight; });
      const float least = threshold(
          mass * total, [&](auto&& f) { each_block(seen, head, [&](Index, float weight) { f(weight, weight); }); });
      each_block(seen, head, [&](Index b, float weight) {
        if (weight >= least) wanted.add({b * block, (b + 1) * block});
      });
    }
  }
  constexpr bool valid() const {
    return block > 0 && block < Index{1} << 31 && stride > 0 && stride < Index{1} << 31 && mass > 0 && mass <= 1;
  }

 private:
  void sample_lines(Index position, Wanted& wanted) const {
    for (KeyRange r : wanted.visible()) {
      const Index beyond = (position + r.first + 1) % stride;  // keys since the antidiagonal before r.first
      wanted.add({r.first + (beyond > 0 ? stride - beyond : -beyond), r.last}, stride);
    }
  }
  /// Calls f(block, summed weights) for every block that has a sample; weights relative to the head's best sample.
  template <class F>
  void each_block(const Scored& seen, Index head, F&& f) const {
    Index now = -1;
    float sum = 0;
    for (Index key : seen.keys) {
      if (key / block != now && now >= 0) f(now, sum), sum = 0;
      now = key / block;
      sum += std::exp(seen.score(key, head) - seen.peak(head));
    }
    if (now >= 0) f(now, sum);
  }
};

/// The first `sinks` and the last `window` visible keys: attention sinks and recent keys, and nothing else. As a
/// sampler it looks at these alone; as a selection it leaves out what others have looked at besides.
/// Cost sinks + window keys, whatever the context length. What lies between is not seen at all, and the estimate of
/// the mass left out, which judges it by the two keys at its edges, means little.
/// StreamingLLM (Xiao et al. 2023, arXiv 2309.17453), without its re-numbering of positions.
struct Recent {
  Index sinks = 4;
  Index window = 1020;

  void sample(Index round, const Scored&, Wanted& wanted) const {
    if (round == 0) wanted.add_ends(sinks, window);
  }
  void select(const Scored&, Wanted& kept) const { kept.add_ends(sinks, window); }
  constexpr bool valid() const { return sinks >= 0 && window >= 0; }
};

}  // namespace CREST_ABI
}  // namespace crest
