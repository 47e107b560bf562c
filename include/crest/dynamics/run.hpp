// Many steps, until something says stop.
#pragma once

#include <concepts>

#include "crest/dynamics/step.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace dynamics {

/// Why a run ended.
enum class Stop {
  failed,   ///< see Run::status
  steps,    ///< RunOptions::steps were made
  at_rest,  ///< every token lies at what it is drawn to; never without normalisation, where such tokens grow
  watcher,  ///< the watcher returned false
};

struct RunOptions {
  Index steps = 1000;
  /// At rest when no coordinate lies further from what its token is drawn to than this share of the largest coordinate.
  /// Below 0: never. A normaliser that varies in time may end a rest.
  float rest = 1e-6f;
};

struct Run {
  Status status = Status::ok;
  Stop stop = Stop::steps;
  Index steps = 0;  ///< made
  float pull = 0;   ///< the last one
  Alignment seen;   ///< what drew the tokens in the last step
};

/// A watcher that never ends a run.
struct Patient {
  bool operator()(Index, const Tokens&, const Alignment&) const { return true; }
};

namespace detail {

/// The normaliser of a step: `n` itself, or what it makes of the step's number.
template <class N>
constexpr auto normaliser_at(const N& n, Index step) {
  if constexpr (std::invocable<const N&, Index>)
    return n(step);
  else
    return n;
}

}  // namespace detail

/// Steps until a stopping rule holds. `normaliser` may be a function of the step's number: a sensitivity that vanishes
/// in time, say. After each step, watch(step, tokens, what drew them) may end the run.
template <class N, class Watch = Patient, class E = Serial&>
Run run(Tokens& tokens, const Rule& rule, const N& normaliser, const RunOptions& options = {}, const Watch& watch = {},
        E&& executor = this_thread_serial()) {
  Run r;
  while (r.steps < options.steps) {
    const Tokens before = tokens;
    r.status = step(tokens, rule, detail::normaliser_at(normaliser, r.steps), r.seen, executor);
    if (r.status != Status::ok) return r.stop = Stop::failed, r;
    r.pull = pull(before, r.seen);
    ++r.steps;
    if (!watch(r.steps, tokens, r.seen)) return r.stop = Stop::watcher, r;
    const bool still = tokens.size() == 0 || r.pull <= options.rest * tokens.cwiseAbs().maxCoeff();
    if (still && rule.normalised) return r.stop = Stop::at_rest, r;
  }
  return r;
}

}  // namespace dynamics
}  // namespace CREST_ABI
}  // namespace crest
