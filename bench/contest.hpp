// Timing by turns: what is compared runs in the same minutes on the same data, so that a noisy neighbour meets all
// alike.
#pragma once

#include <crest/attention.hpp>
#include <functional>
#include <vector>

#include "team.hpp"

namespace bench {

/// How long f() takes.
template <class F>
double seconds_of(F&& f) {
  const double begin = now();
  f();
  return now() - begin;
}

/// Throws what went wrong, if anything did.
void check(crest::Status);

struct Contestant {
  std::function<double()> run;    ///< does the work once, returns its seconds
  std::vector<double> seconds{};  ///< of every run so far

  double least() const;
  double median() const;
};

/// Some rounds in which each contestant in turn runs for its part of `seconds`, at least once; the first one has a turn
/// more at the end.
void compete(const std::vector<Contestant*>& contestants, double seconds);

}  // namespace bench
