// Results: one row for each thing timed, as JSON and as a line of the table.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cases.hpp"
#include "contest.hpp"
#include "limits.hpp"

namespace bench {

struct Row {
  std::string
      peer{};  ///< "crest_exact", "crest_clustered", "crest_guided", "crest_feature", "textbook", or a peer's name
  std::string backend{};
  Case at{};
  double ms_min = 0, ms_median = 0;
  double bytes = 0;  ///< of K, V and sketch, as read
  double flops = 0;  ///< of f32 multiply-adds, FMA = 2
  double error = 0;  ///< relative L2
  Limits limits{};
  bool plausible = true;  ///< not faster than memory can be read

  /// Times of a contestant; bytes and flops as if it read everything once.
  Row() = default;
  Row(std::string peer, crest::Backend, const Case&, const Contestant&, const Limits&);

  /// Bytes and flops as calls report them; `sums` is of `calls` of them.
  void charge(const crest::Report& sums, int calls = 1);

  double gbs() const { return bytes / ms_min * 1e-6; }
  double bytes_share() const;  ///< of K and V
  double limit_share() const { return bytes / limits.read_gbs * 1e-6 / ms_min; }
  double roofline_share() const { return limits.roofline_ms(bytes, flops) / ms_min; }
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
