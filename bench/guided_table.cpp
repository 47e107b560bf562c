#include <map>

#include "guided.hpp"
#include "text.hpp"

namespace bench {

namespace {

const char* rows_name(bool byte_rows, DType dtype) { return byte_rows ? "8-bit" : name(dtype); }

/// Lengths in rising order, and how much faster guided was at each.
using Speedups = std::map<Index, double>;

/// The first length from which on guided is always faster.
std::string crossover(const Speedups& speedups) {
  std::string from = "never";
  for (auto at = speedups.rbegin(); at != speedups.rend() && at->second > 1; ++at)
    from = format("%td keys (%.2fx)", at->first, at->second);
  return from;
}

}  // namespace

nlohmann::json to_json(const GuidedRow& r) {
  nlohmann::json out = to_json(r.row);
  out["budget"] = r.budget;
  out["rows"] = rows_name(r.byte_rows, r.row.at.dtype);
  out["exact_ms"] = r.exact_ms;
  out["speedup"] = r.speedup();
  out["predicted"] = r.predicted;
  out["pct_exact_rows"] = 100 * r.fallbacks;
  return out;
}

std::string guided_head() {
  std::string head = "case             backend rows  |  exact ms roof |";
  for (float budget : guided_budgets) head += format(" %.2f: ms  ratio bytes roof  error  told exact |", budget);
  return head + "\n";
}

std::string guided_line(const GuidedLine& line) {
  const Row& e = line.exact;
  std::string text = format("%-16s %-7s %-5s | %9.4f %3.0f%% |", e.at.shape.name().c_str(), e.backend.c_str(),
                            rows_name(line.guided.front().byte_rows, e.at.dtype), e.ms_min, 100 * e.roofline_share());
  for (const GuidedRow& g : line.guided)
    text +=
        format(" %8.4f %5.2fx %4.0f%% %3.0f%% %6.4f %5.3f %4.0f%% |", g.row.ms_min, g.speedup(),
               100 * g.row.bytes_share(), 100 * g.row.roofline_share(), g.row.error, g.predicted, 100 * g.fallbacks);
  return text + "\n";
}

std::string guided_notes(const std::vector<GuidedLine>& lines) {
  std::string text =
      "ratio: exact / guided. bytes: of K and V. roof: of the bytes read and the f32 multiply-adds done; the scan of\n"
      "the codes is integer arithmetic, which no roof counts. error: of a head's output against exact, relative L2,\n"
      "mean over heads and 8 draws; told: the same mean of what guided predicted; exact: rows it did exactly.\n"
      "Faster than exact from, at the first budget:\n";
  std::map<std::string, Speedups> groups;
  for (const GuidedLine& line : lines)
    groups[format("%s, %s, %s rows", line.exact.at.shape.model().c_str(), line.exact.backend.c_str(),
                  rows_name(line.guided.front().byte_rows, line.exact.at.dtype))]
        .emplace(line.exact.at.shape.keys, line.guided.front().speedup());
  for (const auto& [name, speedups] : groups) text += format("  %-32s %s\n", name.c_str(), crossover(speedups).c_str());
  return text;
}

}  // namespace bench
