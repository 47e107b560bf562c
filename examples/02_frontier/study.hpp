// All that is measured on the layers of a trace.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "../common/oracle.hpp"
#include "../common/progress.hpp"
#include "../common/statistics.hpp"
#include "contender.hpp"
#include "crest/executors.hpp"
#include "neighbours.hpp"
#include "smoothness.hpp"

namespace frontier {

/// Scores of the visible keys of a row, nats, and its exact answer; in double.
struct TrueRow {
  std::vector<double> scores;
  demo::OracleRow answer;
};

/// Shares of rows or of the softmax mass, sums over rows.
struct Kept {
  double mass = 0, peaks = 0;  ///< of the keys that were used; rows whose heaviest key was scored
};

/// What a contender came to on some rows.
struct Outcome {
  demo::Counted counts{};
  std::vector<double> errors{}, predicted{};  ///< relative to the exact answer; predicted: empty when not told
  std::optional<Kept> kept{};
  double missed_estimate = 0;  ///< sum over rows of the mass it says it left out

  double share() const { return counts.bytes_read / counts.bytes_dense; }
  double error() const { return demo::mean(errors); }
  double mass_kept() const { return kept->mass / counts.rows; }
  /// Up to rounding in f32.
  bool exact() const { return error() < 1e-5; }
  /// Whether a row was not done exactly, and its error is predicted: where nothing can be known it is infinite.
  bool foretold(std::size_t row) const { return predicted[row] > 0 && std::isfinite(predicted[row]); }
  /// True error by predicted error of those rows.
  std::vector<double> true_by_predicted() const;

  void add(const Tried& tried, const Step& step, const std::vector<TrueRow>& truth);
  void add(const Outcome& more);
};

struct LayerStudy {
  int number = 0;
  std::vector<Outcome> outcomes{};  ///< one per contender
  Neighbours neighbours{};
  Smoothness smoothness{};

  void add(const LayerStudy& more);
};

/// `trace` with at most so many of its positions, evenly spaced, the last one among them.
demo::Trace thinned(demo::Trace trace, Index positions);

/// Tries all contenders at all positions of all layers, on the threads of `pool`; numbers do not depend on how many.
std::vector<LayerStudy> study(const demo::Trace& trace, const std::vector<Contender>& contenders, crest::Pool& pool,
                              demo::Progress& progress);

/// All layers in one.
LayerStudy together(const std::vector<LayerStudy>& layers);

}  // namespace frontier
