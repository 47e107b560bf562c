// What the clustered kernels should use, once more: slow, plain, in double, from the documentation of the kernels.
#pragma once

#include <cmath>
#include <map>
#include <set>

#include "crest/ascend/plan.hpp"
#include "crest/policy/recipe.hpp"
#include "oracle.hpp"

namespace reference {

using crest::Index;

/// One piece of the keys that one GQA group sees at one query.
template <class T>
class Piece {
 public:
  Piece(const crest::Problem<T>& p, const crest::ascend::Bundle& b, const crest::Clustered& recipe,
        crest::KeyRange keys)
      : p_(p), b_(b), recipe_(recipe), keys_(keys), step_(recipe.sampler.step) {}

  /// Keys that enter the softmax.
  std::set<Index> used(const crest::ascend::Kept& always) {
    for (Index c = first_cell(); c <= last_cell(); ++c)
      if (!sampled(c) || c * step_ < always.until || (c + 1) * step_ > always.from) cells_.insert(c);
    for (Index h = 0; h < b_.heads; ++h) add_windows(h);
    std::vector<double> floors;
    for (Index h = 0; h < b_.heads; ++h) floors.push_back(highest(h) - recipe_.selection.drop);
    for (Index c = first_cell(); c <= last_cell(); ++c)
      for (Index h = 0; h < b_.heads && sampled(c); ++h)
        if (score(h, middle(c)) >= floors[h]) cells_.insert(c);
    std::set<Index> keys;
    for (Index c : cells_) add_keys(c, keys);
    return keys;
  }

  Index samples() const {
    Index n = 0;
    for (Index c = first_cell(); c <= last_cell(); ++c) n += sampled(c);
    return n;
  }

  /// Estimated sum of weights left out, relative to exp(reference).
  double missed(Index h, double reference) const {
    double sum = 0;
    for (Index c = first_cell(); c <= last_cell(); ++c)
      if (!cells_.count(c)) sum += static_cast<double>(step_) * std::exp(score(h, middle(c)) - reference);
    return sum;
  }

 private:
  Index first_cell() const { return keys_.first / step_; }
  Index last_cell() const { return (keys_.last - 1) / step_; }
  Index middle(Index c) const { return c * step_ + step_ / 2; }
  bool sampled(Index c) const { return middle(c) >= keys_.first && middle(c) < keys_.last; }
  double score(Index h, Index key) const { return oracle::score(p_, b_.head + h, b_.query, key); }

  void add_keys(Index c, std::set<Index>& keys) const {
    for (Index key = std::max(keys_.first, c * step_); key < std::min(keys_.last, (c + 1) * step_); ++key)
      keys.insert(key);
  }

  /// The best sample of every 64 cells of the piece, the best `peaks` of these, `reach` keys around them in whole
  /// cells.
  void add_windows(Index h) {
    std::multimap<double, Index, std::greater<>> best;
    for (Index from = first_cell(); from <= last_cell(); from += 64) {
      Index at = -1;
      for (Index c = from; c < from + 64 && c <= last_cell(); ++c)
        if (sampled(c) && (at < 0 || score(h, middle(c)) > score(h, middle(at)))) at = c;
      if (at >= 0) best.insert({score(h, middle(at)), at});
    }
    const Index reach = (recipe_.refiner.reach + step_ - 1) / step_;
    Index left = recipe_.refiner.peaks;
    for (const auto& [nats, at] : best)
      for (Index c = at - reach; left > 0 && c <= at + reach; ++c) {
        if (c >= first_cell() && c <= last_cell()) cells_.insert(c);
        if (c == at + reach) --left;
      }
  }

  /// The highest score known after the windows: of all samples and of all keys used so far.
  double highest(Index h) const {
    double high = -std::numeric_limits<double>::infinity();
    std::set<Index> keys;
    for (Index c : cells_) add_keys(c, keys);
    for (Index c = first_cell(); c <= last_cell(); ++c)
      if (sampled(c)) keys.insert(middle(c));
    for (Index key : keys) high = std::max(high, score(h, key));
    return high;
  }

  const crest::Problem<T>& p_;
  crest::ascend::Bundle b_;
  const crest::Clustered& recipe_;
  crest::KeyRange keys_;
  Index step_;
  std::set<Index> cells_;
};

/// All pieces of a bundle.
struct Look {
  std::vector<Index> used;
  Index sampled = 0;
  std::vector<double> missed;  ///< share per head
};

template <class T>
Look look(const crest::Problem<T>& p, const crest::ascend::Bundle& b, const crest::Clustered& recipe,
          crest::ascend::Grid grid) {
  const crest::Visible visible(p, b.query);
  const auto always = crest::ascend::always_kept(visible.ranges(), recipe.options.keep_first, recipe.options.keep_last);
  Look look;
  std::vector<Piece<T>> pieces;
  grid.for_each_piece(visible.ranges(), [&](crest::KeyRange keys) {
    Piece<T> piece(p, b, recipe, keys);
    const std::set<Index> used = piece.used(always);
    look.used.insert(look.used.end(), used.begin(), used.end());
    look.sampled += piece.samples();
    pieces.push_back(piece);
  });
  for (Index h = 0; h < b.heads; ++h) {
    const double lse = oracle::attend(p, b.head + h, b.query, look.used).lse;
    double missed = 0;
    for (const auto& piece : pieces) missed += piece.missed(h, lse);
    look.missed.push_back(missed / (1 + missed));
  }
  return look;
}

}  // namespace reference
