// What is measured of a recipe on one layer of a trace, and what the table and the figures show of it.
#pragma once

#include <string>
#include <vector>

#include "../common/oracle.hpp"
#include "batch.hpp"
#include "notes.hpp"

namespace demo {

/// One line of the table: a recipe on all positions of a layer.
struct Measured {
  std::string recipe;
  double seconds = 0;
  double bytes_read = 0, bytes_dense = 0;
  double keys_used = 0;          ///< share of the visible keys
  double peak_found = 0;         ///< share of rows whose heaviest key was scored
  double missed_estimated = 0;   ///< share of the softmax mass left out, as the Report estimates it
  double missed = 0;             ///< the same, in truth
  std::vector<double> errors{};  ///< relative to the oracle, [heads][positions]

  double error_mean() const;
  double error_p95() const;
};

/// Index of the row that lies at `quantile` (0..1) of all rows ordered by error.
crest::Index row_at(const std::vector<double>& errors, double quantile);

/// One row in close-up: what a recipe saw of it.
struct Portrait {
  crest::Index head = 0, position = 0;
  double error = 0;
  std::vector<double> depth{};   ///< nats below the peak, one per visible key
  std::vector<double> weight{};  ///< share of the softmax mass, one per visible key
  Notes notes{0};

  double kept_mass() const;
};

/// All that is known about one layer.
struct LayerResult {
  int number = 0;
  double limit = 0;              ///< bytes per second at which the keys and values can be read at all
  std::vector<Measured> rows{};  ///< the first is the textbook loop
  std::string portrayed{};       ///< the recipe in the portraits
  std::vector<Portrait> portraits{};
};

/// What the notes on all groups of a layer add up to.
struct Followed {
  double missed = 0;  ///< sums over rows
  crest::Index peaks_found = 0, rows = 0, keys_scored = 0, keys_used = 0;

  void add(const Batch& batch, const Oracle& oracle, crest::Index query, crest::Index kv_head, const Notes& notes);
};

/// What the timed call and the notes say together.
Measured measured(const std::string& recipe, double seconds, const crest::Report& report, const Followed& noted,
                  std::vector<double> errors);

/// Error of each row of the call before.
std::vector<double> errors(const Batch& batch, const Oracle& oracle);

/// Bytes of the keys and values that each position sees, once per KV head.
double dense_bytes(const Batch& batch);

/// The oracle's view of a row; notes and error are the caller's.
Portrait portrait(const Batch& batch, const Oracle& oracle, crest::Index head, crest::Index query);

/// Throws what a failed call says.
void require_ok(const crest::Report& report);
/// Throws unless the notes add up to what the timed call counted.
void require_same(const crest::Report& timed, const Followed& noted);

}  // namespace demo
