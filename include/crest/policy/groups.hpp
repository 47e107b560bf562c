// Samplers that choose among the groups of a KeyIndex: each group is judged by its summary, the keys of the best groups
// are scored.
#pragma once

#include <concepts>

#include "crest/core/index_view.hpp"
#include "crest/policy/sampler.hpp"

namespace crest {
inline namespace CREST_ABI {

/// The groups of a KeyIndex as one query sees them.
class GroupScores {
 public:
  /// scores: [groups][pitch], log2 units. seen: [groups], how many of a group's keys are visible.
  GroupScores(const IndexView& index, const float* scores, Index pitch, const std::int32_t* seen, Index group)
      : heads(group), index_(index), scores_(scores), pitch_(pitch), seen_(seen) {}

  Index count() const { return index_.groups; }
  /// The score of a group's mean, or for bounds a score that none of its keys exceeds; nats.
  CREST_INLINE float score(Index group, Index head) const {
    return scores_[group * pitch_ + head] * 0.69314718055994530942f;
  }
  /// How many of a group's keys the query sees.
  CREST_INLINE Index visible(Index group) const { return seen_[group]; }
  /// Asks for the keys of a group.
  void want(Index group, Wanted& wanted) const {
    index_.each_run(group, [&](KeyRange run) { wanted.add(run); });
  }

  const Index heads;  ///< query heads of the GQA group

 private:
  const IndexView& index_;
  const float* scores_;
  Index pitch_;
  const std::int32_t* seen_;
};

/// For each head the groups with the highest scores, as many as it takes to hold `share` of the visible keys; all their
/// keys are scored. Groups whose summary is not a number are always taken: it must show.
/// Cost: all summaries, and at most heads * share * n keys and a group (less where heads agree).
template <Grouping G>
struct TopGroups {
  float share = 0.1f;
  static constexpr Grouping grouping = G;

  void choose(const GroupScores& groups, Wanted& wanted) const {
    Index keys = 0;
    for (Index g = 0; g < groups.count(); ++g) keys += groups.visible(g);
    for (Index head = 0; head < groups.heads; ++head) {
      const float least = threshold(share * static_cast<double>(keys), [&](auto&& f) {
        for (Index g = 0; g < groups.count(); ++g) f(groups.score(g, head), static_cast<double>(groups.visible(g)));
      });
      for (Index g = 0; g < groups.count(); ++g)
        if (groups.visible(g) > 0 && !(groups.score(g, head) < least)) groups.want(g, wanted);
    }
  }
  constexpr bool valid() const { return share > 0 && share <= 1; }
};

/// Blocks by the score of their mean key. Summaries: head_dim floats per block of 16, 6 % of an f16 cache.
/// Mean pooling of keys, as MoBA routes queries (Lu et al. 2025, arXiv 2502.13189).
using BlockMean = TopGroups<Grouping::means>;

/// Blocks by a bound on the score of any of their keys: sum_d max(q_d min_d, q_d max_d). Summaries: 2 head_dim floats
/// per block of 16, 13 % of an f16 cache.
/// Quest (Tang et al. 2024, arXiv 2406.10774).
using TopBlocks = TopGroups<Grouping::bounds>;

/// Clusters of keys by the score of their mean. Summaries as BlockMean, and 4 bytes per key for the lists.
/// Squeezed Attention (Hooper et al. 2024, arXiv 2411.09688), ClusterKV (Liu et al. 2024, arXiv 2412.03213).
using TopClusters = TopGroups<Grouping::clusters>;

}  // namespace CREST_ABI
}  // namespace crest
