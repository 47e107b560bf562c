// guided against exact on peaked inputs (peaked.hpp): from 8-bit rows and from the cache's own, at two budgets.
#pragma once

#include <array>

#include "measure.hpp"

namespace bench {

inline constexpr std::array<float, 2> guided_budgets{0.15f, 0.10f};

/// guided at one budget. Its row's error is that of a head against exact, the mean over heads and draws.
struct GuidedRow {
  Row row{};
  float budget = 0;
  bool byte_rows = false;  ///< 8-bit rows of the sketch, not those of the cache
  double exact_ms = 0;
  double predicted = 0;  ///< error that guided told, the same mean
  double fallbacks = 0;  ///< share of rows done exactly

  double speedup() const { return exact_ms / row.ms_min; }
};

/// Exact and guided at all budgets, on one backend, with one kind of rows.
struct GuidedLine {
  Row exact{};
  std::array<GuidedRow, guided_budgets.size()> guided{};
};

/// Two lines for each backend: 8-bit rows, rows of the cache. Sketches are built once, outside the timing.
std::vector<GuidedLine> measure_guided(const Case&, const Effort&);

nlohmann::json to_json(const GuidedRow&);

std::string guided_head();
std::string guided_line(const GuidedLine&);
/// With the lengths from which on guided is faster than exact.
std::string guided_notes(const std::vector<GuidedLine>&);

}  // namespace bench
