// Variants of a user's own: plain code, and kernel text (../user_variant.inl) that takes its place.
#pragma once

#include <cmath>
#include <limits>
#include <span>

#include "crest/policy/variant.hpp"

namespace test {

/// s becomes s / (1 + |s|).
struct Squeeze {
  void transform(std::span<float> logits) const {
    for (float& s : logits) s /= 1 + std::abs(s);
  }
};

/// Hides the keys for which key + head + query is a multiple of `period`.
struct Alternate {
  crest::Index period;

  void mask(const crest::LogitTile& tile) const {
    for (crest::Index i = 0; i < tile.keys; ++i)
      for (crest::Index h = 0; h < tile.heads; ++h)
        if ((tile.key[i] + tile.first_head + h + tile.query) % period == 0)
          tile.at(i, h) = -std::numeric_limits<float>::infinity();
  }
};

/// As Squeeze, in kernel text; the plain code is wrong, so that it shows which one ran.
struct KernelSqueeze {
  void transform(std::span<float> logits) const {
    for (float& s : logits) s = 0;
  }
};

}  // namespace test
