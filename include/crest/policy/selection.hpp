// Selections: which of the scored keys enter the output.
#pragma once

#include <algorithm>
#include <concepts>
#include <limits>

#include "crest/policy/look.hpp"

namespace crest {
inline namespace CREST_ABI {

/// A selection answers with the lowest score, in nats, that a query head wants kept. A key is kept for the whole group
/// when any head wants it: its row is read once, all heads use it.
template <class S>
concept Selection = requires(const S s, const Scored& seen, Index head) {
  { s.floor(seen, head) } -> std::convertible_to<float>;
};

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

}  // namespace CREST_ABI
}  // namespace crest
