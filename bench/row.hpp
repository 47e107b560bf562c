// Results: one row for each thing timed, as JSON and as a line of the table.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cases.hpp"

namespace bench {

/// The limits of the machine for one case, measured beside it.
struct Limits {
  double read_ms = 0;                    ///< to read K and V once
  double before_gbs = 0, after_gbs = 0;  ///< first and last round
  double fma_peak = 0;                   ///< flops per second with the backend's vectors
  std::string loop;                      ///< the fastest read loop

  /// The larger of the time for the bytes and the time for the flops.
  double roofline_ms(const Shape&) const;
};

struct Row {
  std::string peer{};  ///< "crest_exact", "crest_clustered", "textbook", or a peer's name
  std::string backend{};
  Case at{};
  double ms_min = 0, ms_median = 0;
  double bytes = 0;  ///< of K and V, as read
  double error = 0;  ///< relative L2 against double
  Limits limits{};
  bool plausible = true;  ///< not faster than memory can be read

  double gbs() const { return bytes / ms_min * 1e-6; }
  double limit_share() const { return limits.read_ms / ms_min; }
  double roofline_share() const { return limits.roofline_ms(at.shape) / ms_min; }
};

nlohmann::json to_json(const Row&);

/// The rows of one case and backend, side by side.
struct Line {
  Row exact{}, textbook{}, clustered{};
};

std::string table_head();
std::string table_line(const Line&);
std::string table_notes();

}  // namespace bench
