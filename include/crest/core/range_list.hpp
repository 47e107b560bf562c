// RangeList: owns Problem::ranges and range_of, made from masks of other kinds. Masks are ranges here, so that keys
// nobody sees are not read; a mask of bits or a tree of drafted tokens becomes ranges once, for all heads and layers.
#pragma once

#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "crest/core/problem.hpp"

namespace crest {
inline namespace CREST_ABI {

/// The ranges of some queries, added one query at a time. Allocates like std::vector; clear() keeps the memory. What is
/// added is checked by attention() (Status::range_of_*, ranges_*), not here.
class RangeList {
 public:
  void clear() {
    ranges_.clear();
    starts_.assign(1, 0);
  }
  Index queries() const { return static_cast<Index>(starts_.size()) - 1; }

  /// A query that sees sorted, disjoint ranges.
  void add(std::span<const KeyRange> ranges) {
    ranges_.insert(ranges_.end(), ranges.begin(), ranges.end());
    close();
  }

  /// A query that sees key j where bit first_bit + j of `bytes` is set, j = 0 .. keys - 1; bit i of a byte is worth
  /// 2^i. (FlashInfer's packed masks: all rows of one mask one after another.)
  void add_bits(const void* bytes, Index first_bit, Index keys) {
    const auto* from = static_cast<const std::byte*>(bytes);
    for (Index j = 0; j < keys;) {
      const std::uint64_t seen = bits_at(from, first_bit + j, keys - j);
      const Index skip = std::min<Index>(std::countr_zero(seen), word),
                  run = std::countr_one(skip < word ? seen >> skip : 0);
      if (run > 0) extend({j + skip, j + skip + run});
      j += run > 0 ? skip + run : word;
    }
    close();
  }

  /// The queries of a tree of drafted tokens (speculative decoding): token i has key prefix + i, its parent is
  /// parents[i] < i, or -1 for what follows the prefix directly. Each sees the prefix, its ancestors and itself.
  void add_tree(Index prefix, std::span<const Index> parents) {
    std::vector<KeyRange> path;
    for (Index i = 0; i < static_cast<Index>(parents.size()); ++i) {
      path.clear();
      for (Index at = i; at >= 0; at = parents[static_cast<std::size_t>(at)])
        path.push_back({prefix + at, prefix + at + 1});
      if (prefix > 0) extend({0, prefix});
      for (std::size_t n = path.size(); n-- > 0;) extend(path[n]);
      close();
    }
  }

  /// Makes a problem see these ranges. They are borrowed: the list must outlive the call and stay as it is.
  template <class T>
  void show(Problem<T>& problem) const {
    problem.ranges = ranges_;
    problem.range_of = starts_;
  }

 private:
  static constexpr Index word = 64;

  /// Bits at..at + 63, as many as there are before at + count; zeros behind.
  static std::uint64_t bits_at(const std::byte* from, Index at, Index count) {
    const Index bits = std::min(count, word), last = (at + bits + 7) / 8;
    std::uint64_t low = 0;
    std::uint8_t high = 0;
    std::memcpy(&low, from + at / 8, static_cast<std::size_t>(std::min<Index>(8, last - at / 8)));
    if (last - at / 8 > 8) std::memcpy(&high, from + at / 8 + 8, 1);
    if constexpr (std::endian::native == std::endian::big) low = __builtin_bswap64(low);
    const Index shift = at % 8;
    const std::uint64_t all = low >> shift | (shift > 0 ? std::uint64_t{high} << (word - shift) : 0);
    return bits < word ? all & ((std::uint64_t{1} << bits) - 1) : all;
  }
  /// Adds a range to the query being built; one that touches the last prolongs it.
  void extend(KeyRange r) {
    const bool first = static_cast<Index>(ranges_.size()) == starts_.back();
    if (!first && ranges_.back().last == r.first)
      ranges_.back().last = r.last;
    else
      ranges_.push_back(r);
  }
  void close() { starts_.push_back(static_cast<Index>(ranges_.size())); }

  std::vector<KeyRange> ranges_;
  std::vector<Index> starts_{0};
};

}  // namespace CREST_ABI
}  // namespace crest
