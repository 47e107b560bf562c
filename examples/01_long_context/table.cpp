#include "table.hpp"

#include <algorithm>
#include <sstream>

#include "../common/format.hpp"

namespace demo {
namespace {

/// One line, its first cell to the left and all others to the right of the widest cell in their column.
std::string aligned(const std::vector<std::string>& line, const std::vector<std::vector<std::string>>& all) {
  std::string text;
  for (std::size_t c = 0; c < line.size(); ++c) {
    std::size_t width = 0;
    for (const auto& other : all) width = std::max(width, other[c].size());
    const std::string space(width - line[c].size(), ' ');
    text += c == 0 ? line[c] + space : "  " + space + line[c];
  }
  return text;
}

}  // namespace

const std::vector<Column>& columns() {
  static const std::vector<Column> all = {
      {"", "recipe", "how the output is computed"},
      {"", "ms", "milliseconds for all positions, the fastest of all repeats"},
      {"speed", "up", "how many times faster than the textbook loop"},
      {"of limit", "dense",
       "share of the read limit if every key and value counts once per KV head: above 100 % is "
       "faster than reading the cache once"},
      {"of limit", "read", "share of the read limit for the bytes that were really read"},
      {"read", "MB", "bytes of keys and values the kernels load, in 10^6"},
      {"read", "of dense", "those bytes as a share of reading every key and value once"},
      {"keys", "used", "share of the visible keys whose value entered the output"},
      {"error", "mean", "mean over all rows of |o - oracle| / |oracle|"},
      {"error", "p95", "95th percentile of the same"},
      {"peak", "found", "share of rows whose heaviest key was among those scored"},
      {"missed", "est.", "share of the softmax mass left out, as the Report estimates it from its own samples"},
      {"missed", "true", "the same, from the oracle"}};
  return all;
}

double dense_share(const LayerResult& layer, const Measured& row) {
  return row.bytes_dense / (layer.limit * row.seconds);
}

std::vector<std::string> cells(const LayerResult& layer, const Measured& row) {
  const double dense = dense_share(layer, row), read = row.bytes_read / row.bytes_dense;
  return {row.recipe,
          fixed(row.seconds * 1e3, 2),
          fixed(layer.rows.front().seconds / row.seconds, 1) + "x",
          percent(dense),
          percent(dense * read),
          fixed(row.bytes_read * 1e-6, 1),
          percent(read),
          percent(row.keys_used),
          relative_error(row.error_mean()),
          relative_error(row.error_p95()),
          percent(row.peak_found),
          percent(row.missed_estimated),
          percent(row.missed)};
}

std::string heading(const Trace& trace, const LayerResult& layer) {
  std::ostringstream s;
  s << "layer " << layer.number << ": " << trace.heads << " query heads, " << trace.kv_heads << " KV head"
    << (trace.kv_heads > 1 ? "s" : "") << ", " << trace.queries() << " positions of up to " << trace.keys
    << " keys; read limit " << fixed(layer.limit * 1e-9, 1) << " GB/s";
  return s.str();
}

std::string text_table(const LayerResult& layer) {
  std::vector<std::vector<std::string>> lines(2);
  for (const Column& c : columns()) {
    lines[0].push_back(c.group);
    lines[1].push_back(c.head);
  }
  for (const Measured& row : layer.rows) lines.push_back(cells(layer, row));
  std::ostringstream s;
  for (const auto& line : lines) s << aligned(line, lines) << '\n';
  return s.str();
}

}  // namespace demo
