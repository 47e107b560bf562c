// SoftmaxState: what a softmax over one set of keys must remember to be merged with another (split-KV).
#pragma once

#include <cmath>
#include <limits>

#include "crest/core/view.hpp"

namespace crest {
inline namespace v0 {

/// Softmax over a set of keys: reference m (nats) and sum of weights l = sum_j exp(s_j - m). The default is the empty
/// set. Milakov and Gimelshein 2018, "Online normalizer calculation for softmax".
struct SoftmaxState {
  float m = -std::numeric_limits<float>::infinity();
  float l = 0;

  CREST_INLINE bool empty() const { return l == 0; }

  /// Log-sum-exp of the scores, nats; -inf for the empty set.
  CREST_INLINE float lse() const { return empty() ? -std::numeric_limits<float>::infinity() : m + std::log(l); }

  /// State whose log-sum-exp is `lse`, as read back from Problem::lse.
  CREST_INLINE static SoftmaxState of_lse(float lse) {
    const bool empty = lse == -std::numeric_limits<float>::infinity();
    return {lse, empty ? 0.0f : 1.0f};
  }
};

/// State of the union of two disjoint key sets. Associative and commutative up to rounding; empty sets are neutral.
CREST_INLINE SoftmaxState merge(SoftmaxState a, SoftmaxState b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  const float m = a.m < b.m ? b.m : a.m;
  return {m, a.l * std::exp(a.m - m) + b.l * std::exp(b.m - m)};
}

/// Weight of `part` in `whole`, 0..1: outputs of parts add up as o = sum share(part, whole) * o_part.
CREST_INLINE float share(SoftmaxState part, SoftmaxState whole) {
  return part.empty() ? 0.0f : part.l / whole.l * std::exp(part.m - whole.m);
}

}  // namespace v0
}  // namespace crest
