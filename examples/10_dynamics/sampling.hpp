// What changes when the maxima of hardmax are sought by sampling.
#pragma once

#include "study.hpp"

namespace study {

/// Tokens of one kind: under a full scan, and under the stride and windows of `clustered`. Means over the starts.
struct Sampling {
  std::string tokens{};
  Index d = 0, starts = 0;
  double scored = 0;     ///< share of the n^2 scores, in the first step
  double astray = 0;     ///< share of tokens drawn elsewhere in the first step
  double elsewhere = 0;  ///< share of tokens that end elsewhere
  double clusters = 0, sampled_clusters = 0;
  double changed = 0;  ///< share of starts with another number of clusters
};

/// Normal clouds of n tokens, `starts` for each of d = 2, 3, 4, 8, 16, and one each of other kinds in the plane.
std::vector<Sampling> compare_sampling(Index n, Index starts, crest::Pool& pool);

}  // namespace study
