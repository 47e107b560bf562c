// guided called as a user would, one position after the other, each with a sketch of its own; its answers against slow
// ones.
#pragma once

#include "crest/crest.hpp"
#include "run_demo.hpp"
#include "slow_layer.hpp"

namespace demo_test {

/// A layer with its scores and exact outputs, [query][head].
struct Solved {
  SlowLayer t;
  int number;
  std::vector<std::vector<std::vector<double>>> scores{}, exact{};

  Solved(const std::filesystem::path& trace, int layer);
};

/// Of all KV heads at one position, f16.
double dense_bytes(const SlowLayer& t, long query);

/// What a method read at each position, and the errors of all rows. Of guided also what it predicted, and its counts.
struct Steps {
  std::vector<double> bytes{}, errors{}, told{};
  double used = 0, visible = 0, exact = 0;

  Cell cell(const SlowLayer& t) const;
  /// What the demo must print of guided.
  Line line(const SlowLayer& t) const;
};

/// Appends a step: the answers at one position, with the layer's number as seed.
void call_guided(const Solved& s, long query, crest::GuidedOptions options, bool byte_rows, Steps& steps);

/// At all positions.
Steps guided_steps(const Solved& s, const crest::GuidedOptions& options, bool byte_rows);

}  // namespace demo_test
