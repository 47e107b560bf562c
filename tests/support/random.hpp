// Deterministic random numbers: the same on every machine and standard library.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include "crest/core/view.hpp"

namespace test {

using crest::Index;

/// SplitMix64 (Steele, Lea and Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : at_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = ++at_ * 0x9e3779b97f4a7c15u + 1;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }                     ///< [0, 1)
  Index below(Index n) { return static_cast<Index>(bits() % static_cast<std::uint64_t>(n)); }  ///< 0..n-1
  /// All seeds draw from one sequence. What stands at a place of it is computed once: logarithms and cosines took most
  /// of the time of tests that draw the same caches again and again.
  float normal() {
    thread_local Known known;
    float* const place = known.place(at_);
    if (place && !std::isnan(*place)) return at_ += 2, *place;
    const float x = draw_normal();
    if (place) *place = x;
    return x;
  }
  /// Student's t with 3 degrees of freedom, scaled to variance 1: now and then ten times its usual size.
  float heavy() {
    const float a = normal(), b = normal(), c = normal();
    return normal() / std::sqrt(a * a + b * b + c * c);
  }
  template <class Choices>
  auto pick(const Choices& choices) {
    return choices[static_cast<std::size_t>(below(static_cast<Index>(std::size(choices))))];
  }

 private:
  /// Normal numbers by the places that they begin at; NaN: not yet drawn.
  class Known {
   public:
    float* place(std::uint64_t at) {
      if (at / size >= parts_.size()) return nullptr;
      std::vector<float>& part = parts_[at / size];
      if (part.empty()) part.assign(size, std::numeric_limits<float>::quiet_NaN());
      return &part[at % size];
    }

   private:
    static constexpr std::size_t size = 1 << 14;
    std::vector<std::vector<float>> parts_ = std::vector<std::vector<float>>(1 << 10);
  };

  /// By Box and Muller (1958).
  float draw_normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return static_cast<float>(radius * std::cos(2 * std::numbers::pi * uniform()));
  }

  std::uint64_t at_;  ///< place in the sequence
};

}  // namespace test
