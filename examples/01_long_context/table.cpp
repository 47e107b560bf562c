#include "table.hpp"

#include <algorithm>
#include <sstream>

#include "../common/format.hpp"

namespace demo {
namespace {

const std::string none = "-";

/// The true error by the predicted one, in the median.
std::string true_by_told(const Measured& row) {
  const std::vector<double> ratios = row.true_by_predicted();
  return ratios.empty() ? none : fixed(ratios[row_at(ratios, 0.5)], 2);
}

/// One line, its first cell to the left and all others to the right of the widest cell in their column.
std::string aligned(const std::vector<std::string>& line, const std::vector<std::vector<std::string>>& all) {
  std::string text;
  for (std::size_t c = 0; c < line.size(); ++c) {
    std::size_t width = 0;
    for (const auto& other : all) width = std::max(width, other[c].size());
    const std::string space(width - line[c].size(), ' ');
    text += c == 0 ? line[c] + space : "  " + space + line[c];
  }
  return text.erase(text.find_last_not_of(' ') + 1);
}

std::string aligned(const std::vector<std::vector<std::string>>& lines) {
  std::string text;
  for (const auto& line : lines) text += aligned(line, lines) + '\n';
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
      {"bytes", "read", "bytes of keys, values and sketches the kernels load, as a share of reading the cache once"},
      {"keys", "used", "share of the visible keys whose value entered the output"},
      {"error", "mean", "mean over all rows of |o - oracle| / |oracle|"},
      {"error", "p95", "95th percentile of the same"},
      {"error", "told", "mean over all rows of the error that the recipe itself predicted; 0 for a row done exactly"},
      {"true /", "told", "true error by predicted error of a row, median over those not done exactly"},
      {"rows", "exact", "share of rows done exactly: below 1024 keys, or the recipe could not vouch for less"},
      {"peak", "found", "share of rows whose heaviest key was among those scored"},
      {"missed", "est.", "share of the softmax mass left out, as the Report estimates it from its own samples"},
      {"missed", "true", "the same, from the oracle"}};
  return all;
}

double dense_share(const LayerResult& layer, const Measured& row) {
  return row.outcome.bytes_dense / (layer.limit * row.seconds);
}

std::vector<std::string> cells(const LayerResult& layer, const Measured& row) {
  const double dense = dense_share(layer, row), read = row.outcome.share();
  const auto left_out = [&](double LeftOut::*share) { return row.left_out ? percent(*row.left_out.*share) : none; };
  return {row.label.text(),
          fixed(row.seconds * 1e3, 2),
          fixed(layer.rows.front().seconds / row.seconds, 1) + "x",
          percent(dense),
          percent(dense * read),
          percent(read),
          percent(row.keys_used),
          relative_error(row.outcome.error_mean()),
          relative_error(row.outcome.error_p95()),
          row.foretold ? relative_error(row.foretold->mean()) : none,
          true_by_told(row),
          row.foretold ? percent(row.foretold->fallbacks) : none,
          left_out(&LeftOut::peak_found),
          left_out(&LeftOut::estimated),
          left_out(&LeftOut::missed)};
}

std::string heading(const Trace& trace, const LayerResult& layer) {
  std::ostringstream s;
  s << "layer " << layer.number << ": " << trace.heads << " query heads, " << trace.kv_heads << " KV head"
    << (trace.kv_heads > 1 ? "s" : "") << ", " << trace.queries() << " positions of up to " << trace.keys << " keys, "
    << fixed(layer.rows.front().outcome.bytes_dense * 1e-6, 1) << " MB of keys and values; read limit "
    << fixed(layer.limit * 1e-9, 1) << " GB/s";
  return s.str();
}

std::string text_table(const LayerResult& layer) {
  std::vector<std::vector<std::string>> lines(2);
  for (const Column& c : columns()) {
    lines[0].push_back(c.group);
    lines[1].push_back(c.head);
  }
  for (const Measured& row : layer.rows) lines.push_back(cells(layer, row));
  return aligned(lines);
}

std::vector<std::vector<std::string>> contest_lines(const Contest& contest) {
  std::vector<std::vector<std::string>> lines = {{"budget, of dense"}, {"method"}};
  for (double budget : contest.budgets) {
    lines[0].insert(lines[0].end(), {"", percent(budget), ""});
    lines[1].insert(lines[1].end(), {"bytes", "mean", "p95"});
  }
  for (const Contender& c : contest.contenders) {
    lines.push_back({c.name});
    for (const std::optional<Outcome>& o : c.at) {
      const auto cell = [&](auto&& text) { lines.back().push_back(o ? text(*o) : none); };
      cell([](const Outcome& o) { return percent(o.share()); });
      cell([](const Outcome& o) { return relative_error(o.error_mean()); });
      cell([](const Outcome& o) { return relative_error(o.error_p95()); });
    }
  }
  return lines;
}

std::string contest_table(const LayerResult& layer) { return aligned(contest_lines(layer.contest)); }

}  // namespace demo
