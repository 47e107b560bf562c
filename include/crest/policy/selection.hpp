// Selections: which of the scored keys enter the output.
#pragma once

#include <algorithm>
#include <concepts>
#include <limits>

#include "crest/core/rotation.hpp"
#include "crest/policy/pick.hpp"

namespace crest {
inline namespace CREST_ABI {

/// A selection by score answers with the lowest score, in nats, that a query head wants kept. A key is kept for the
/// whole group when any head wants it: its row is read once, all heads use it.
template <class S>
concept FloorSelection = requires(const S s, const Scored& seen, Index head) {
  { s.floor(seen, head) } -> std::convertible_to<float>;
};

/// A selection by key asks for the keys it wants kept; those that were not scored are not kept.
template <class S>
concept KeySelection = requires(const S s, const Scored& seen, Wanted& kept) {
  s.select(seen, kept);
};

/// What a drawing selection knows of each scored key, and what it answers. At first the largest share, 0..1, that the
/// key has of any head's softmax over the scored keys; infinite for a key that must be kept. The selection puts the
/// probability with which it kept the key in its place.
class Masses {
 public:
  Masses(float* masses, const Places& places) : masses_(masses), places_(places) {}
  float& operator()(Index key) const { return masses_[places_(key)]; }

 private:
  float* masses_;
  Places places_;
};

/// A drawing selection keeps keys at random. A kept value counts 1 / p, and the denominators are those of all scored
/// keys, so the output is unbiased (Horvitz and Thompson 1952).
template <class S>
concept DrawSelection = requires(const S s, const Scored& seen, const Masses& masses, Wanted& kept) {
  s.draw(seen, masses, kept);
};

template <class S>
concept Selection = FloorSelection<S> || KeySelection<S> || DrawSelection<S>;

/// Every scored key.
struct Everything {
  float floor(const Scored&, Index) const { return -std::numeric_limits<float>::infinity(); }
};

/// Keys within `drop` nats of the head's highest score. A key left out weighs less than e^-drop of the heaviest.
struct Plateau {
  float drop = 8;

  float floor(const Scored& seen, Index head) const { return seen.peak(head) - drop; }
  constexpr bool valid() const { return drop >= 0; }
};

/// The `keys` best scored keys of each head, and those that tie with the last of them.
/// Cost at most heads * keys rows of V (less where heads agree); five passes over the scored keys per head.
/// Top-k attention (Gupta et al. 2021, arXiv 2106.06899), within what was scored.
struct TopKeys {
  Index keys = 256;

  float floor(const Scored& seen, Index head) const {
    return threshold(static_cast<double>(keys), [&](auto&& f) {
      for (Index key : seen.keys) f(seen.score(key, head), 1);
    });
  }
  constexpr bool valid() const { return keys > 0; }
};

/// Of all scored keys about `share` are kept, drawn in proportion to their weight: p = min(1, c * the largest share
/// over the heads), by one systematic walk in memory order (Madow 1949). Kept values count 1 / p and denominators are
/// exact, so with every key scored the output is unbiased and lse is exact. Cost: K of all keys scored (with EveryKey
/// half of the cache), V of share of them. What `guided` does when estimates are scores: all keys are known exactly,
/// and only V is saved. Keys that all heads find light are hardly ever read, however many they are, and yet counted.
struct MassStride {
  float share = 0.1f;
  std::uint64_t seed = 0;

  void draw(const Scored& seen, const Masses& masses, Wanted& kept) const {
    const double scale = scale_for(share * static_cast<double>(seen.keys.count()), seen.keys, masses);
    double walk = detail::walk_start(seed, seen.query.position, seen.query.kv_head);
    for (Index key : seen.keys) {
      const double p = scale * masses(key);
      masses(key) = p < 1 ? static_cast<float>(p) : 1.0f;
      walk += masses(key);
      if (walk < 1) continue;
      walk -= 1;
      kept.add(key);
    }
  }
  constexpr bool valid() const { return share > 0 && share <= 1; }

 private:
  /// c such that the sum of min(1, c * mass) is `rows`: keys at 1 are certain, the others scale.
  static double scale_for(double rows, const KeySet& keys, const Masses& masses) {
    double scale = 0;
    for (Index certain = -1;;) {
      Index heavy = 0;
      double light = 0;
      for (Index key : keys) {
        const bool whole = !(scale * masses(key) < 1);
        heavy += whole;
        light += whole ? 0 : masses(key);
      }
      if (heavy <= certain || !(light > 0)) return scale;
      certain = heavy;
      scale = std::max(scale, (rows - static_cast<double>(heavy)) / light);
    }
  }
};

}  // namespace CREST_ABI
}  // namespace crest
