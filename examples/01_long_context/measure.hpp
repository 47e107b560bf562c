// What is measured of a recipe on one layer of a trace, and what the tables and the figures show of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "../common/batch.hpp"
#include "../common/counted.hpp"
#include "../common/notes.hpp"
#include "../common/oracle.hpp"
#include "../common/statistics.hpp"

namespace demo {

/// What a method costs and how close it comes, on all rows of a layer.
struct Outcome {
  double bytes_read = 0, bytes_dense = 0;
  std::vector<double> errors{};  ///< relative to the oracle, [heads][positions]

  double share() const { return bytes_read / bytes_dense; }
  double error_mean() const { return mean(errors); }
  /// Up to rounding in f32.
  bool exact() const { return error_mean() < 1e-5; }
  double error_p95() const { return errors[row_at(errors, 0.95)]; }
};

/// Of a recipe that leaves keys out. Shares of rows or of the softmax mass.
struct LeftOut {
  double peak_found = 0;  ///< rows whose heaviest key was scored
  double estimated = 0;   ///< mass left out, as the Report estimates it
  double missed = 0;      ///< the same, in truth
};

/// Of a recipe that tells its errors.
struct Foretold {
  std::vector<double> errors{};  ///< as predicted, [heads][positions]; 0: done exactly
  double fallbacks = 0;          ///< share of rows done exactly because the recipe could not vouch for them

  double mean() const { return demo::mean(errors); }
};

/// One line of the table: a recipe on all positions of a layer.
struct Measured {
  Label label;
  double seconds = 0;
  Outcome outcome{};
  double keys_used = 0;  ///< share of the visible keys
  std::optional<LeftOut> left_out{};
  std::optional<Foretold> foretold{};

  /// Whether this is the whole softmax up to rounding: every key, and rows as they are in the cache.
  bool all_keys() const { return keys_used == 1 && !foretold; }
  /// True error by predicted error of every row that was not done exactly.
  std::vector<double> true_by_predicted() const;
};

/// A method at several budgets of bytes; none where it cannot have just so many.
struct Contender {
  std::string name;
  bool rival = false;  ///< not guided itself, and not an oracle: could be had in its place
  std::vector<std::optional<Outcome>> at{};
};

/// Methods that read as many bytes as `guided`, which comes first.
struct Contest {
  std::vector<double> budgets;  ///< shares of the dense bytes
  std::vector<Contender> contenders{};
  double codes_memory = 0, rows_memory = 0;  ///< of a sketch without and with 8-bit rows, as shares of the cache's
};

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
  Contest contest{};

  const Measured& find(const std::string& recipe) const;
};

/// What the notes on all groups of a layer add up to.
struct Followed {
  double missed = 0;  ///< sums over rows
  crest::Index peaks_found = 0, rows = 0, keys_scored = 0, keys_used = 0;

  void add(const Batch& batch, const Oracle& oracle, crest::Index query, crest::Index kv_head, const Notes& notes);
};

/// What the timed call and the notes say together.
Measured measured(const Label& label, double seconds, const crest::Report& report, const Followed& noted,
                  std::vector<double> errors);

/// Error of each row of the call before.
std::vector<double> errors(const Batch& batch, const Oracle& oracle);
/// What the call before predicted for each row.
std::vector<double> predicted(const Batch& batch);

/// The oracle's view of a row; notes and error are the caller's.
Portrait portrait(const Batch& batch, const Oracle& oracle, crest::Index head, crest::Index query);

/// Throws unless the notes add up to what the timed call counted.
void require_same(const crest::Report& timed, const Followed& noted);

}  // namespace demo
