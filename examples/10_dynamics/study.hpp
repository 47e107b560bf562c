// The experiments: each is a function from random starts to numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crest/dynamics/dynamics.hpp"
#include "crest/executors.hpp"

namespace study {

using crest::Index;
using crest::dynamics::Rule;
using crest::dynamics::Tokens;

struct Start {
  Tokens tokens;
  Rule rule;
};

/// Normally distributed tokens; A is a random positive definite matrix, or the identity.
Start random_start(Index n, Index d, std::uint64_t seed);
Start plain_start(Index n, Index d, std::uint64_t seed);

inline constexpr float together = 1e-3f;  ///< radius of a cluster, in units of the largest norm

/// The largest norm.
float size(const Tokens& z);
Index count_clusters(const Tokens& z);

/// Throws std::runtime_error unless ok.
void must_be_ok(crest::Status status);

/// A run of hardmax until nothing moves, with the history that pictures need.
struct History {
  std::vector<Tokens> frames;  ///< before each step, and at the end
  std::vector<Index> leaders;
  Index clusters = 0;
};
History watch(Start start);

/// What happens to starts of one size.
struct Census {
  Index n = 0, d = 0, starts = 0;
  double leaders = 0, clusters = 0;  ///< mean
  double apart = 0;                  ///< share of tokens that end elsewhere than at a leader
  double steps = 0;                  ///< mean, until nothing moves
  double moved = 0;                  ///< the furthest that a leader moved: 0
  Index misplaced = 0;  ///< leaders that are no vertices of the final polytope, and vertices that are no leaders
};
Census take_census(Index n, Index d, Index starts, crest::Pool& pool);

/// The largest norm after each step, without normalisation, in units of the first.
std::vector<double> growth(Start start, Index steps);

/// Localmax runs of one sensitivity.
struct Sensitivity {
  std::string name;
  double clusters = 0;   ///< mean
  double at_rest = 0;    ///< share of starts at rest after the steps
  double quiescent = 0;  ///< share at rest though hardmax would move them
};
std::vector<Sensitivity> interpolate(Index n, Index starts);

/// Relative distance between what softmax and hardmax draw tokens to.
struct Cooled {
  double temperature, distance;
};
std::vector<Cooled> cool(const Start& start);

}  // namespace study
