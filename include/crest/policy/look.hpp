// The vocabulary shared by samplers, refiners and selections: what has been scored, what to score next.
// Policies see sets of keys, scores and ranges, never vectors: the same policy text serves every backend.
#pragma once

#include <span>

#include "crest/core/key_set.hpp"
#include "crest/core/mask.hpp"

namespace crest {
inline namespace CREST_ABI {

/// Scores of keys, a row of heads each, log2 units.
struct ScoreRows {
  float* scores = nullptr;  ///< [places][pitch]
  Index pitch = 0;
  Places places{};

  CREST_INLINE float* row(Index key) const { return scores + places(key) * pitch; }
};

/// Which query of which KV head a policy works for. Queries are the last positions of the sequence, as for a causal
/// mask.
struct QueryPlace {
  Index position = 0;  ///< in the sequence; negative where there are more queries than keys
  Index kv_head = 0;
};

/// The keys scored so far for one GQA group at one query, and their scores.
class Scored {
 public:
  /// rows: hold values for the keys of `set` only. peaks: [heads], the highest of them, log2 units.
  Scored(const KeySet& set, const ScoreRows& rows, const float* peaks, Index group, QueryPlace place = {})
      : keys(set), heads(group), query(place), rows_(rows), peaks_(peaks) {}

  /// Score of a member of `keys` for one query head of the group, nats.
  CREST_INLINE float score(Index key, Index head) const { return rows_.row(key)[head] * nats; }
  /// The highest score of a head so far, nats; -FLT_MAX or below when none is a number.
  CREST_INLINE float peak(Index head) const { return peaks_[head] * nats; }

  const KeySet& keys;  ///< ascending
  const Index heads;   ///< query heads of the group
  const QueryPlace query;

 private:
  static constexpr float nats = 0.69314718055994530942f;
  ScoreRows rows_;
  const float* peaks_;
};

/// Collects the keys a policy asks to have scored next. Keys nobody may see and keys already scored are left out, so a
/// policy need not care.
class Wanted {
 public:
  Wanted(KeySet& fresh, std::span<const KeyRange> visible) : fresh_(fresh), visible_(visible) {}

  /// Asks for every `step`-th key of `keys`, the first one included; steps below 1 count as 1.
  void add(KeyRange keys, Index step = 1) {
    for (KeyRange range : reaching_into(visible_, keys)) {
      const KeyRange part = intersect(keys, range);
      if (step <= 1) {
        if (length(part) > 0) fresh_.insert(part);
        continue;
      }
      const Index behind = (part.first - keys.first) % step, ahead = behind ? step - behind : 0;
      for (Index left = length(part) - ahead; left > 0; left -= step) fresh_.insert(part.last - left);
    }
  }
  void add(Index key) { add({key, key + 1}); }
  /// Asks for the first `first` and the last `last` visible keys.
  void add_ends(Index first, Index last) {
    for (KeyRange r : visible_) {
      const Index n = std::min(first, length(r));
      add({r.first, r.first + n});
      first -= n;
    }
    for (std::size_t i = visible_.size(); i-- > 0 && last > 0;) {
      const KeyRange r = visible_[i];
      const Index n = std::min(last, length(r));
      add({r.last - n, r.last});
      last -= n;
    }
  }

  /// The sorted, disjoint ranges of keys this query sees.
  std::span<const KeyRange> visible() const { return visible_; }

 private:
  KeySet& fresh_;
  std::span<const KeyRange> visible_;
};

}  // namespace CREST_ABI
}  // namespace crest
