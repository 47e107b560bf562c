// Picking: the best few keys, and thresholds that let a given amount through. No memory is needed: what would be sorted
// is passed over a few times instead.
#pragma once

#include <array>
#include <bit>
#include <limits>

#include "crest/policy/look.hpp"

namespace crest {
inline namespace CREST_ABI {

/// The best few of the keys offered to it, best first. Of equal scores the one offered first leads; NaN never enters.
class BestKeys {
 public:
  static constexpr Index most = 16;

  /// Keeps `count` keys, 1..most.
  explicit BestKeys(Index count) : count_(count) {}

  void offer(Index key, float score) {
    if (!(score > best_[count_ - 1].score)) return;
    Index slot = count_ - 1;
    for (; slot > 0 && score > best_[slot - 1].score; --slot) best_[slot] = best_[slot - 1];
    best_[slot] = {score, key};
  }
  /// Calls f(key) for the keys kept.
  template <class F>
  void each(F&& f) const {
    for (Index i = 0; i < count_ && best_[i].key >= 0; ++i) f(best_[i].key);
  }

 private:
  struct Entry {
    float score = -std::numeric_limits<float>::infinity();
    Index key = -1;
  };
  std::array<Entry, most> best_{};
  Index count_;
};

/// The best `count` scored keys of a head.
inline BestKeys best_keys(const Scored& seen, Index head, Index count) {
  BestKeys best(count);
  for (Index key : seen.keys) best.offer(key, seen.score(key, head));
  return best;
}

namespace detail {

/// Floats as whole numbers of the same order, and back.
constexpr std::uint32_t ordered(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
constexpr float from_ordered(std::uint32_t u) { return std::bit_cast<float>(u >> 31 ? u & 0x7fffffffu : ~u); }

}  // namespace detail

/// The highest value such that the values not below it amount to `goal` or more: -infinity when all of them do not,
/// +infinity for a goal of 0. `each(f)` calls f(value, amount) for all values, the same ones every time; NaN is
/// ignored. A radix select: four passes, a byte of the value each.
template <class Each>
float threshold(double goal, Each&& each) {
  if (!(goal > 0)) return std::numeric_limits<float>::infinity();
  std::uint32_t prefix = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    std::array<double, 256> sums{};
    each([&](float value, double amount) {
      const std::uint64_t u = detail::ordered(value);
      if (value == value && u >> (shift + 8) == prefix) sums[u >> shift & 255] += amount;
    });
    std::uint32_t digit = 255;
    for (; digit > 0 && sums[digit] < goal; --digit) goal -= sums[digit];
    if (shift == 24 && sums[digit] < goal) return -std::numeric_limits<float>::infinity();
    prefix = prefix << 8 | digit;
  }
  return detail::from_ordered(prefix);
}

}  // namespace CREST_ABI
}  // namespace crest
