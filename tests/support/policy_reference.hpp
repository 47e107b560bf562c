// Samplers, refiners and selections once more, slow and plain, from their documentation: scores in double, sets as
// std::set. They say which keys a policy asks for, given what is scored.
#pragma once

#include "clustered_reference.hpp"

namespace reference {

/// The best keys of one head by score, at most `count`, best first.
inline std::vector<Index> best(const Keys& keys, const std::map<Index, double>& scores, Index count) {
  std::vector<Index> list(keys.begin(), keys.end());
  std::stable_sort(list.begin(), list.end(), [&](Index a, Index b) { return scores.at(a) > scores.at(b); });
  list.resize(std::min<std::size_t>(list.size(), count));
  return list;
}

/// Keys of a visible set that `asked` is true for.
template <class F>
Keys where(const Keys& visible, F&& asked) {
  Keys keys;
  for (Index key : visible)
    if (asked(key)) keys.insert(key);
  return keys;
}

inline void sample(const crest::EveryKey&, Look& look, Index) { look.scored = look.visible; }
inline void sample(const crest::Stride& stride, Look& look, Index) { look.scored = strided(look.visible, stride.step); }

inline void sample(const crest::Pyramid& p, Look& look, Index) {
  look.scored = strided(look.visible, p.steps[0]);
  for (Index level = 1; level < 4 && p.steps[level] > 0; ++level) {
    const Index reach = p.steps[level - 1], step = p.steps[level];
    Keys asked;
    for (const auto& scores : look.scores)
      for (Index peak : best(look.scored, scores, p.peaks))
        asked.merge(where(look.visible, [&](Index key) {
          return std::abs(key - peak) <= reach && (key - (peak - reach)) % step == 0;
        }));
    look.scored.merge(asked);
  }
}

inline void sample(const crest::Antidiagonal& a, Look& look, Index position) {
  look.scored = where(look.visible, [&](Index key) { return (position + key + 1) % a.stride == 0; });
  Keys asked;
  for (const auto& scores : look.scores) {
    std::map<Index, double> blocks;
    double total = 0, held = 0;
    for (Index key : look.scored) {
      const double weight = std::exp(scores.at(key) - peak(look, scores));
      blocks[key / a.block] += weight, total += weight;
    }
    std::vector<std::pair<double, Index>> ranked;
    for (const auto& [block, weight] : blocks) ranked.emplace_back(-weight, block);
    std::sort(ranked.begin(), ranked.end());
    for (const auto& [weight, block] : ranked) {
      if (held >= a.mass * total) break;
      held -= weight;
      asked.merge(where(look.visible, [&, b = block](Index key) { return key / a.block == b; }));
    }
  }
  look.scored.merge(asked);
}

inline void sample(const crest::Recent& recent, Look& look, Index) {
  look.scored = always(look.visible, {.keep_first = recent.sinks, .keep_last = recent.window});
}

inline void refine(const crest::Stay&, Look&) {}
inline void refine(const crest::Window& window, Look& look) {
  Keys asked;
  for (const auto& scores : look.scores) asked.merge(around_best(look, scores, window));
  look.scored.merge(asked);
}

/// The best key of each run of scored keys without a gap.
inline Keys tops(const Look& look, const std::map<Index, double>& scores) {
  Keys tops;
  Index top = -1, before = -2;
  for (Index key : look.scored) {
    if (key != before + 1 && top >= 0) tops.insert(top), top = -1;
    if (top < 0 || scores.at(key) > scores.at(top)) top = key;
    before = key;
  }
  if (top >= 0) tops.insert(top);
  return tops;
}

inline void refine(const crest::Climb& climb, Look& look) {
  for (Index round = 0; round < climb.steps; ++round) {
    Keys asked;
    for (const auto& scores : look.scores)
      for (Index top : best(tops(look, scores), scores, climb.peaks))
        asked.merge(where(look.visible, [&](Index key) { return std::abs(key - top) == 1; }));
    look.scored.merge(asked);
  }
}

inline Keys selected(const crest::Everything&, const Look& look) { return look.scored; }
inline Keys selected(const crest::TopKeys& top, const Look& look) {
  Keys keys;
  for (const auto& scores : look.scores)
    for (Index key : best(look.scored, scores, top.keys)) keys.insert(key);
  return keys;
}
inline Keys selected(const crest::Recent& recent, const Look& look) {
  const Keys ends = always(look.visible, {.keep_first = recent.sinks, .keep_last = recent.window});
  return where(look.scored, [&](Index key) { return ends.contains(key); });
}

/// A recipe of such policies for one GQA group at one query.
template <class T, class R>
Look looked(const crest::Problem<T>& p, const R& recipe, Index kv_head, Index query) {
  Look look = see(p, kv_head, query);
  sample(recipe.sampler, look, p.keys() - p.queries() + query);
  look.sampled = look.scored;
  look.kept = always(look.visible, recipe.options);
  look.scored.insert(look.kept.begin(), look.kept.end());
  refine(recipe.refiner, look);
  look.kept.merge(selected(recipe.selection, look));
  return look;
}

}  // namespace reference
