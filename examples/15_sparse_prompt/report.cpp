#include "report.hpp"

#include "../common/format.hpp"
#include "../common/statistics.hpp"
#include "figure_style.hpp"

namespace prompt {
namespace {

std::string error_at(const Method& m, std::size_t share) {
  return demo::relative_error(demo::mean(m.at[share].errors));
}

std::vector<std::string> ratio_cells(const Outcome& o) {
  const std::vector<double> ratios = o.true_by_told();
  if (ratios.empty()) return {"-", "-"};
  return {demo::fixed(demo::value_at(ratios, 0.5), 2), demo::fixed(demo::value_at(ratios, 0.99), 2)};
}

std::vector<std::string> time_cells(const Times& t, double seconds) {
  return {demo::fixed(1e3 * seconds, 1), demo::fixed(t.exact / seconds, 2)};
}

demo::Cells line(const std::string& share, const std::string& name, const Outcome& o) {
  demo::Cells cells{share, name, demo::percent(o.share()), demo::relative_error(demo::mean(o.errors)),
                    demo::relative_error(demo::value_at(o.errors, 0.95))};
  for (const std::string& cell : ratio_cells(o)) cells.push_back(cell);
  return cells;
}

void add_times(demo::Cells& cells, const std::vector<std::string>& times) {
  cells.insert(cells.end(), times.begin(), times.end());
}

}  // namespace

std::string about(const demo::Trace& t) {
  const std::string layers = std::to_string(t.layers.size()) + (t.layers.size() == 1 ? " layer, " : " layers, ");
  return t.name + ": " + layers + std::to_string(t.heads) + " query heads on " + std::to_string(t.kv_heads) +
         ", head_dim " + std::to_string(t.head_dim) + "; the last " + std::to_string(t.queries()) + " of " +
         std::to_string(t.keys) + " positions, in tiles of " + std::to_string(tile_queries) + " queries.";
}

std::vector<demo::Cells> table(const Study& s) {
  std::vector<demo::Cells> lines{
      {"share", "method", "keys used", "mean error", "p95", "true / told", "p99", "ms", "exact / time"}};
  demo::Cells exact = line("1", "crest exact", {.errors = s.exact, .keys_used = 1, .keys_visible = 1});
  add_times(exact, time_cells(s.times, s.times.exact));
  lines.push_back(exact);
  lines.push_back(line("1", "crest mixed", s.mixed));
  add_times(lines.back(), {"-", "-"});
  for (std::size_t i = 0; i < shares.size(); ++i)
    for (const Method& m : s.methods) {
      lines.push_back(line(demo::fixed(shares[i], 2), m.name, m.at[i]));
      const bool own = &m == &s.sparse();
      add_times(lines.back(), own ? time_cells(s.times, s.times.sparse[i]) : std::vector<std::string>{"-", "-"});
    }
  return lines;
}

std::string finding(const Study& s) {
  constexpr std::size_t at = 2;
  const Method& rival = s.best_rival(at);
  std::string words = "At a share of " + demo::fixed(shares[at], 2) + " of the keys sparse is off by " +
                      error_at(s.sparse(), at) + " in the mean, " + rival.name + ", the best of the others, by " +
                      error_at(rival, at);
  for (const Method& m : s.methods)
    if (m.oracle) words += "; " + m.name + ": " + error_at(m, at);
  return words + ". sparse is " + demo::fixed(s.times.exact / s.times.sparse[at], 2) + " times as fast as exact.";
}

std::string losses(const Study& s) {
  if (s.losses.empty()) return "On no layer and at no share is another method closer in the mean, but for the oracles.";
  std::string words = "Closer than sparse in the mean:";
  for (const Loss& loss : s.losses)
    words += (&loss == s.losses.data() ? " " : ", ") + loss.to + " on layer " + std::to_string(loss.layer) + " at " +
             demo::fixed(loss.share, 2) + " (" + demo::percent(loss.error) + " against " +
             demo::percent(loss.sparse_error) + ")";
  return words + ".";
}

demo::WebPage page(const demo::Trace& trace, const Study& study) {
  demo::WebPage page("Sparse prompts: which keys matter to a tile of queries", figure_style);
  page.paragraph(about(trace));
  page.heading("Share of keys against error");
  page.figure(figure(study), finding(study) + " " + losses(study));
  page.heading("All methods");
  page.paragraph(
      "All methods use the first 4 keys, the last 64 before a tile and those within it, and spend the rest as they see "
      "fit. The oracles know the exact weights. Errors are |o - exact| / |exact| of rows; true / told compares them "
      "with what sparse and mixed predict, in the median and at the 99th percentile. mixed multiplies in bf16, here in "
      "software that computes what the tile registers of a CPU would. Times are of one thread.");
  page.table(table(study));
  return page;
}

}  // namespace prompt
