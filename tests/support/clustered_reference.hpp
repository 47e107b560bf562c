// The clustered recipe once more, slow and plain, from the documentation of its policies: one GQA group at one query,
// every score in double, sets as std::set.
#pragma once

#include <map>
#include <set>

#include "crest/policy/recipe.hpp"
#include "oracle.hpp"

namespace reference {

using crest::Index;
using Keys = std::set<Index>;

/// What the recipe should look at and use.
struct Look {
  Keys visible, sampled, scored, kept;
  std::vector<std::map<Index, double>> scores;  ///< per head: visible key -> nats
};

template <class T>
Look see(const crest::Problem<T>& p, Index kv_head, Index query) {
  Look look;
  for (Index key = 0; key < p.keys(); ++key)
    if (oracle::sees(p, query, key)) look.visible.insert(key);
  for (Index h = 0; h < p.gqa_group(); ++h) {
    auto& of_head = look.scores.emplace_back();
    for (Index key : look.visible) of_head[key] = oracle::score(p, kv_head * p.gqa_group() + h, query, key);
  }
  return look;
}

/// The first and the last visible keys.
inline Keys always(const Keys& visible, const crest::RecipeOptions& options) {
  Keys keys;
  Index at = 0;
  const Index n = static_cast<Index>(visible.size());
  for (Index key : visible) {
    if (at < options.keep_first || at >= n - options.keep_last) keys.insert(key);
    ++at;
  }
  return keys;
}

/// Every step-th key, counted anew from the start of every run of neighbouring visible keys.
inline Keys strided(const Keys& visible, Index step) {
  Keys keys;
  Index start = -1, before = -2;
  for (Index key : visible) {
    if (key != before + 1) start = key;
    if ((key - start) % step == 0) keys.insert(key);
    before = key;
  }
  return keys;
}

/// Visible keys within reach of the best-scored keys of one head.
inline Keys around_best(const Look& look, const std::map<Index, double>& scores, const crest::Window& window) {
  std::vector<Index> best(look.scored.begin(), look.scored.end());
  std::stable_sort(best.begin(), best.end(), [&](Index a, Index b) { return scores.at(a) > scores.at(b); });
  best.resize(std::min<std::size_t>(best.size(), window.peaks));
  Keys keys;
  for (Index peak : best)
    for (Index key : look.visible)
      if (std::abs(key - peak) <= window.reach) keys.insert(key);
  return keys;
}

inline double peak(const Look& look, const std::map<Index, double>& scores) {
  double highest = -std::numeric_limits<double>::infinity();
  for (Index key : look.scored) highest = std::max(highest, scores.at(key));
  return highest;
}

template <class T>
Look clustered(const crest::Problem<T>& p, const crest::Clustered& recipe, Index kv_head, Index query) {
  Look look = see(p, kv_head, query);
  look.sampled = strided(look.visible, recipe.sampler.step);
  look.kept = always(look.visible, recipe.options);
  look.scored = look.sampled;
  look.scored.insert(look.kept.begin(), look.kept.end());
  Keys refined;
  for (const auto& scores : look.scores) refined.merge(around_best(look, scores, recipe.refiner));
  look.scored.merge(refined);
  for (const auto& scores : look.scores)
    for (Index key : look.scored)
      if (scores.at(key) >= peak(look, scores) - recipe.selection.drop) look.kept.insert(key);
  return look;
}

/// For every scored key, how many keys outside the output it stands for: half of the unseen keys on either side (all of
/// them before the first and after the last scored key), and itself when it was scored but not kept.
inline std::map<Index, double> stand_ins(const Look& look) {
  std::map<Index, double> stands;
  Index left = -1;
  double unseen = 0;
  for (Index key : look.visible) {
    if (!look.scored.contains(key)) {
      ++unseen;
      continue;
    }
    stands[key] += (look.kept.contains(key) ? 0 : 1) + (left < 0 ? unseen : unseen / 2);
    if (left >= 0) stands[left] += unseen / 2;
    left = key, unseen = 0;
  }
  if (left >= 0) stands[left] += unseen;
  return stands;
}

/// Share of one head's softmax mass estimated to be left out.
inline double missed_mass(const Look& look, const std::map<Index, double>& scores) {
  const double top = peak(look, scores);
  double kept = 0, missed = 0;
  for (Index key : look.kept) kept += std::exp(scores.at(key) - top);
  for (const auto& [key, count] : stand_ins(look)) missed += count * std::exp(scores.at(key) - top);
  return kept + missed > 0 ? missed / (kept + missed) : 0;
}

/// The largest score change per key between neighbouring scored keys, and the largest distance between two of them.
struct Steps {
  double steepest = 0, widest = 0;
  bool known = true;  ///< whether more than one score tells how steep scores are
};

inline Steps steps(const Look& look) {
  Steps s;
  for (auto left = look.scored.begin(); left != look.scored.end() && std::next(left) != look.scored.end(); ++left) {
    const double distance = static_cast<double>(*std::next(left) - *left);
    s.widest = std::max(s.widest, distance);
    for (const auto& scores : look.scores)
      s.steepest = std::max(s.steepest, std::abs(scores.at(*std::next(left)) - scores.at(*left)) / distance);
  }
  if (look.visible.empty()) return s;
  s.widest = std::max<double>({s.widest, static_cast<double>(*look.scored.begin() - *look.visible.begin()),
                               static_cast<double>(*look.visible.rbegin() - *look.scored.rbegin())});
  s.known = look.scored.size() > 1 || s.widest == 0;
  return s;
}

}  // namespace reference
