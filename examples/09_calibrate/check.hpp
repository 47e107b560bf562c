// What a basis is worth on a trace: how far off scores from few bits are, and what becomes of that in the output.
#pragma once

#include "../common/trace.hpp"
#include "fit.hpp"

namespace calibrate {

/// guided with 8-bit rows at one budget, against exact, over the last positions of a layer.
struct Answer {
  float budget = 0;
  double bytes = 0;          ///< read, as a share of dense
  double mean = 0, p95 = 0;  ///< relative error of a head's output
  double understated = 0;    ///< share of rows whose error is more than twice what was predicted
  double exact = 0;          ///< share of rows done exactly
};

/// One way to make a sketch.
struct Verdict {
  double noise = 0;  ///< variance of score errors, nats^2, mean over KV heads
  std::vector<Answer> answers{};
};

/// basis: or null, for the random rotation at 2 bits. Throws std::runtime_error when the basis does not fit the trace.
Verdict check(const demo::Trace& trace, const demo::Layer& layer, const crest::SketchBasis* basis);

/// A layer's queries and keys.
Sample sample(const demo::Trace& trace, const demo::Layer& layer);

}  // namespace calibrate
