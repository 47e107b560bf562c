// One step of token dynamics: every token moves towards what it is drawn to.
#pragma once

#include "crest/dynamics/align.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace dynamics {

/// Largest distance, over tokens and coordinates, between a token and what it is drawn to.
inline float pull(const Tokens& tokens, const Alignment& seen) {
  return tokens.size() == 0 ? 0 : (seen.mean - tokens).cwiseAbs().maxCoeff();
}

/// A token whose set coincides with it up to the rounding of a mean stays where it is, to the last bit.
inline void hold_still(const Tokens& tokens, Alignment& seen) {
  constexpr float rounding = 16 * std::numeric_limits<float>::epsilon();
  for (Index i = 0; i < tokens.rows(); ++i) {
    const float off = (seen.mean.row(i) - tokens.row(i)).cwiseAbs().maxCoeff();
    if (off <= rounding * tokens.row(i).cwiseAbs().maxCoeff()) seen.mean.row(i) = tokens.row(i);
  }
}

/// Moves every token towards what it is drawn to.
inline void move(Tokens& tokens, const Rule& rule, const Alignment& seen) {
  if (rule.normalised)
    tokens += rule.alpha / (1 + rule.alpha) * (seen.mean - tokens);
  else
    tokens += rule.alpha * seen.mean;
}

/// One step; `seen` says what drew the tokens.
template <class R, class E = Serial&>
Status step(Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser, Alignment& seen,
            E&& executor = this_thread_serial()) {
  if (const Status status = check(tokens, rule); status != Status::ok) return status;
  if (const Status status = align(tokens, tokens, rule, normaliser, seen, executor); status != Status::ok)
    return status;
  if constexpr (Uniform<R>) hold_still(tokens, seen);
  move(tokens, rule, seen);
  return Status::ok;
}

}  // namespace dynamics
}  // namespace CREST_ABI
}  // namespace crest
