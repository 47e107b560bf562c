// KeySet: positions in the cache, one bit each; Scored: a set of keys with their scores.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "crest/core/view.hpp"

namespace crest {
inline namespace CREST_ABI {

/// A set of keys in 0..64 * words - 1, on borrowed memory. Iterates in ascending order.
class KeySet {
 public:
  using Word = std::uint64_t;
  static constexpr Index bits = 64;

  KeySet() = default;
  /// Takes over the bits that stand in `words`; clear() empties them.
  explicit KeySet(std::span<Word> words) : words_(words) {}

  /// Words needed for keys 0..keys - 1.
  static constexpr Index words_for(Index keys) { return (keys + bits - 1) / bits; }

  CREST_INLINE void insert(Index key) { words_[static_cast<std::size_t>(key / bits)] |= bit(key); }
  /// Adds first, first + 1 ... last - 1.
  void insert(KeyRange keys) {
    for (Index b = keys.first / bits; b * bits < keys.last; ++b) {
      const Index low = keys.first > b * bits ? keys.first - b * bits : 0, high = keys.last - b * bits;
      words_[static_cast<std::size_t>(b)] |= ~Word{0} << low & (high < bits ? bit(high) - 1 : ~Word{0});
    }
  }
  CREST_INLINE bool contains(Index key) const { return (words_[static_cast<std::size_t>(key / bits)] & bit(key)) != 0; }

  /// Keys 64 b .. 64 b + 63, the lowest first.
  CREST_INLINE Word& word(Index b) { return words_[static_cast<std::size_t>(b)]; }
  CREST_INLINE Word word(Index b) const { return words_[static_cast<std::size_t>(b)]; }

  void clear() {
    for (Word& w : words_) w = 0;
  }
  Index count() const {
    Index n = 0;
    for (Word w : words_) n += std::popcount(w);
    return n;
  }
  /// Adds the keys of a set of the same size.
  void unite(const KeySet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  /// Drops the keys that are not in a set of the same size.
  void intersect(const KeySet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  }
  /// Drops the keys of a set of the same size.
  void subtract(const KeySet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
  }

  struct End {};
  /// Visits the members in ascending order.
  class Iterator {
   public:
    Iterator() = default;
    CREST_INLINE explicit Iterator(std::span<const Word> words)
        : at_(words.data()), end_(words.data() + words.size()), left_(words.empty() ? 0 : words[0]) {
      skip();
    }
    CREST_INLINE Index operator*() const { return base_ + std::countr_zero(left_); }
    CREST_INLINE Iterator& operator++() {
      left_ &= left_ - 1;
      skip();
      return *this;
    }
    CREST_INLINE bool operator==(End) const { return at_ == end_; }

   private:
    CREST_INLINE void skip() {
      while (left_ == 0 && at_ != end_) {
        base_ += bits;
        if (++at_ != end_) left_ = *at_;
      }
    }
    const Word* at_ = nullptr;
    const Word* end_ = nullptr;
    Word left_ = 0;
    Index base_ = 0;
  };
  CREST_INLINE Iterator begin() const { return Iterator(words_); }
  CREST_INLINE End end() const { return {}; }

 private:
  static constexpr Word bit(Index key) { return Word{1} << (key % bits); }

  std::span<Word> words_{};
};

}  // namespace CREST_ABI
}  // namespace crest
