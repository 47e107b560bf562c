// The vocabulary shared by samplers, refiners and selections: what has been scored, what to score next.
// Policies see sets of keys, scores and ranges, never vectors: the same policy text serves every backend.
#pragma once

#include <algorithm>
#include <span>

#include "crest/core/key_set.hpp"

namespace crest {
inline namespace CREST_ABI {

/// The keys scored so far for one GQA group at one query, and their scores.
class Scored {
 public:
  /// `log2_scores` [key][pitch], log2 units, for the keys of the set only.
  Scored(const KeySet& set, const float* log2_scores, Index head_count, Index row_pitch)
      : keys(set), heads(head_count), scores_(log2_scores), pitch_(row_pitch) {}

  /// Score of a member of `keys` for one query head of the group, nats.
  CREST_INLINE float score(Index key, Index head) const {
    return scores_[key * pitch_ + head] * 0.69314718055994530942f;
  }

  const KeySet& keys;  ///< ascending
  const Index heads;   ///< query heads of the group

 private:
  const float* scores_;
  Index pitch_;
};

/// Collects the keys a policy asks to have scored next. Keys nobody may see and keys already scored are left out, so a
/// policy need not care.
class Wanted {
 public:
  Wanted(KeySet& fresh, std::span<const KeyRange> visible) : fresh_(fresh), visible_(visible) {}

  /// Asks for every `step`-th key of `keys`, the first one included.
  void add(KeyRange keys, Index step = 1) {
    const auto before = [&](KeyRange r) { return r.last <= keys.first; };
    auto range = std::partition_point(visible_.begin(), visible_.end(), before);
    for (; range != visible_.end() && range->first < keys.last; ++range) {
      const KeyRange part = intersect(keys, *range);
      const Index skipped = (part.first - keys.first + step - 1) / step;
      for (Index j = keys.first + skipped * step; j < part.last; j += step) fresh_.insert(j);
    }
  }
  void add(Index key) { add({key, key + 1}); }

  /// The sorted, disjoint ranges of keys this query sees.
  std::span<const KeyRange> visible() const { return visible_; }

 private:
  KeySet& fresh_;
  std::span<const KeyRange> visible_;
};

}  // namespace CREST_ABI
}  // namespace crest
