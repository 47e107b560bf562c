#include "page.hpp"

#include <algorithm>
#include <sstream>

#include "../common/format.hpp"
#include "../common/web_style.hpp"
#include "figures.hpp"
#include "findings.hpp"
#include "page_style.hpp"
#include "table.hpp"

namespace demo {
namespace {

void facts(std::ostream& s, const Trace& t, const std::vector<LayerResult>& layers, const std::string& backend,
           int threads) {
  double limit = 0;
  for (const LayerResult& layer : layers) limit = std::max(limit, layer.limit);
  const auto fact = [&](const std::string& number, const std::string& what) {
    s << "<li><b>" << escape(number) << "</b><span>" << escape(what) << "</span></li>";
  };
  s << "<ul class=\"facts\">";
  fact(std::to_string(t.keys), "keys in the context");
  fact(std::to_string(layers.size()), "layers");
  fact(std::to_string(t.heads) + " : " + std::to_string(t.kv_heads), "query heads : KV heads");
  fact(std::to_string(t.head_dim), "head dimension");
  fact(std::to_string(t.queries()), "positions");
  fact(backend, threads == 1 ? "backend, one thread" : "backend, " + std::to_string(threads) + " threads");
  fact(fixed(limit * 1e-9, 1) + " GB/s", "read limit");
  s << "</ul>\n";
}

void portraits(std::ostream& s, const LayerResult& layer) {
  constexpr const char* names[] = {"the median row", "a bad row (95th percentile)"};
  s << "<h3>Layer " << layer.number << "</h3>\n";
  for (std::size_t i = 0; i < layer.portraits.size(); ++i) {
    const Portrait& p = layer.portraits[i];
    const auto count = [](const std::vector<bool>& flags) { return std::count(flags.begin(), flags.end(), true); };
    s << "<figure><figcaption><b>" << names[i % 2] << "</b>: query head " << p.head << " at position " << p.position
      << ", " << count(p.notes.scored) << " of " << p.depth.size() << " keys scored, " << count(p.notes.kept)
      << " kept, error " << relative_error(p.error) << "</figcaption>\n"
      << portrait_figure(layer, p) << "</figure>\n";
  }
}

void table(std::ostream& s, const Trace& trace, const LayerResult& layer) {
  s << "<h3>" << escape(heading(trace, layer)) << "</h3>\n<div class=\"wide\"><table><tr>";
  for (const Column& c : columns())
    s << "<th title=\"" << escape(c.meaning) << "\">" << escape(c.group) << "<br>" << escape(c.head) << "</th>";
  s << "</tr>\n";
  for (const Measured& row : layer.rows) {
    s << (row.label.text() == "exact" ? "<tr class=\"exact\">" : "<tr>");
    for (const std::string& cell : cells(layer, row)) s << "<td>" << escape(cell) << "</td>";
    s << "</tr>\n";
  }
  s << "</table></div>\n";
}

void meanings(std::ostream& s) {
  s << "<h2>The columns</h2>\n<dl>";
  for (const Column& c : columns()) s << "<dt>" << escape(c.name()) << "</dt><dd>" << escape(c.meaning) << "</dd>\n";
  s << "</dl>\n";
}

/// Of the given line of a contest. A budget in the first one spans its three columns, of which two are blank.
std::string contest_cell(std::size_t line, const std::string& text) {
  if (text.empty()) return {};
  if (line > 1) return "<td>" + escape(text) + "</td>";
  const bool budget = line == 0 && text.ends_with('%');
  return (budget ? "<th colspan=\"3\" class=\"budget\">" : "<th>") + escape(text) + "</th>";
}

void contest(std::ostream& s, const LayerResult& layer) {
  const std::vector<std::vector<std::string>> lines = contest_lines(layer.contest);
  s << "<h3>Layer " << layer.number << ", errors at equal bytes</h3>\n<div class=\"wide\"><table>";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    s << (i == 2 ? "<tr class=\"exact\">" : "<tr>");
    for (const std::string& cell : lines[i]) s << contest_cell(i, cell);
    s << "</tr>\n";
  }
  s << "</table></div>\n";
}

/// A paragraph in which numbers stay with their per cent.
std::string paragraph(const char* css, std::string sentences) {
  for (std::size_t at = 0; (at = sentences.find(" %", at)) != std::string::npos;) sentences.replace(at, 1, "&nbsp;");
  return "<p class=\"" + std::string(css) + "\">" + sentences + "</p>\n";
}
std::string lead(const std::string& sentences) { return paragraph("lead", sentences); }
std::string soft(const std::string& sentences) { return paragraph("soft", sentences); }
std::string figure(const std::string& svg) { return svg.empty() ? svg : "<figure>" + svg + "</figure>\n"; }

void head(std::ostream& s, const std::string& source) {
  s << "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    << "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>crest: " << escape(source)
    << "</title>\n<style>" << base_style << style << "</style></head>\n<body><main>\n"
    << "<h1>Exact, clustered and guided attention on real heads</h1>\n<p class=\"lead soft\">" << escape(source)
    << ". One decode step at each position; the query at position p sees keys 0 to p.</p>\n";
}

}  // namespace

std::string page(const Trace& trace, const std::vector<LayerResult>& layers, const std::string& backend, int threads) {
  std::ostringstream s;
  head(s, trace.model.empty() ? trace.name : trace.model + ", " + trace.name);
  facts(s, trace, layers, backend, threads);
  s << "<h2>What one sees</h2>\n"
    << lead(findings_exact(layers)) << lead(findings_clustered(layers)) << lead(findings_guided(layers))
    << "<h2>Error against bytes</h2>\n"
    << soft(about_contest(layers)) << figure(error_figure(layers)) << soft(findings_contest(layers))
    << "<h2>Errors foretold</h2>\n"
    << soft(findings_predictions(layers)) << figure(prediction_figure(layers)) << "<h2>Scores along the keys</h2>\n"
    << soft("What " + escape(layers[0].portrayed) + " looks at. Grey is what it cannot know: the range of all scores.")
    << key;
  for (const LayerResult& layer : layers) portraits(s, layer);
  s << "<h2>All numbers</h2>\n"
    << soft(
           "All positions of a layer together. They read from several copies of the cache in turn, as in a decode step "
           "no row is left in a core from the step before.");
  for (const LayerResult& layer : layers) {
    table(s, trace, layer);
    contest(s, layer);
  }
  meanings(s);
  s << "</main></body></html>\n";
  return s.str();
}

}  // namespace demo
