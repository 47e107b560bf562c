#include "page.hpp"

#include <algorithm>
#include <sstream>

#include "../common/format.hpp"
#include "figures.hpp"
#include "page_style.hpp"
#include "table.hpp"

namespace demo {
namespace {

/// Smallest and largest of a number over the layers.
template <class F>
std::string span_of(const std::vector<LayerResult>& layers, F&& value) {
  double lo = value(layers[0]), hi = lo;
  for (const LayerResult& layer : layers) lo = std::min(lo, value(layer)), hi = std::max(hi, value(layer));
  const std::string least = percent(lo), most = percent(hi);
  return least == most ? most : least.substr(0, least.find(' ')) + " to " + most;
}

const Measured& find(const LayerResult& layer, const std::string& recipe) {
  return *std::find_if(layer.rows.begin(), layer.rows.end(), [&](const Measured& m) { return m.recipe == recipe; });
}

const Measured& portrayed(const LayerResult& layer) { return find(layer, layer.portrayed); }

/// How the exact recipe does, in words that follow the numbers.
std::string findings_exact(const std::vector<LayerResult>& layers) {
  double error = 0, slowest = 1e300, fastest = 0;
  for (const LayerResult& layer : layers) {
    const Measured& exact = find(layer, "exact");
    const double ratio = layer.rows.front().seconds / exact.seconds;
    error = std::max(error, exact.error_p95());
    slowest = std::min(slowest, ratio);
    fastest = std::max(fastest, ratio);
  }
  const auto share = [](const LayerResult& l) { return dense_share(l, find(l, "exact")); };
  return "<b>exact</b> reads every key and value once and is right to " + relative_error(error) + ". It is " +
         fixed(slowest, 1) + " to " + fixed(fastest, 1) + " times as fast as the textbook loop, at " +
         span_of(layers, share) + " of the speed at which memory can be read at all.";
}

/// How the recipe of the portraits does.
std::string findings(const std::vector<LayerResult>& layers) {
  const auto of = [&](double Measured::*number) {
    return span_of(layers, [=](const LayerResult& layer) { return portrayed(layer).*number; });
  };
  const auto missed = [](const LayerResult& layer) { return portrayed(layer).missed; };
  const bool smooth =
      std::all_of(layers.begin(), layers.end(), [&](const auto& layer) { return missed(layer) < 0.05; });
  std::ostringstream s;
  s << "<b>" << escape(layers[0].portrayed) << "</b> reads "
    << span_of(layers, [](const auto& l) { return portrayed(l).bytes_read / portrayed(l).bytes_dense; })
    << " of the bytes and has scored the heaviest key in " << of(&Measured::peak_found)
    << " of the rows. It leaves out " << of(&Measured::missed)
    << " of the softmax mass (its own estimate: " << of(&Measured::missed_estimated) << "), and its output is off by "
    << span_of(layers, [](const auto& l) { return portrayed(l).error_mean(); }) << " in the mean. ";
  s << (smooth ? "The mass of these heads lies where the samples and the windows look."
               : "It finds the maximum more often than it keeps the mass: scores that are not smooth along the keys "
                 "leave mass between the samples, and no window around the best of them brings it back. Where that "
                 "matters, exact "
                 "is the answer.");
  return s.str();
}

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
  for (const Column& c : columns()) s << "<th title=\"" << escape(c.meaning) << "\">" << escape(c.name()) << "</th>";
  s << "</tr>\n";
  for (const Measured& row : layer.rows) {
    s << (row.recipe == "exact" ? "<tr class=\"exact\">" : "<tr>");
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

}  // namespace

std::string page(const Trace& trace, const std::vector<LayerResult>& layers, const std::string& backend, int threads) {
  const std::string source = trace.model.empty() ? trace.name : trace.model + ", " + trace.name;
  std::ostringstream s;
  s << "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    << "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>crest: " << escape(source)
    << "</title>\n<style>" << style << "</style></head>\n<body><main>\n"
    << "<h1>Exact and clustered attention on real heads</h1>\n<p class=\"lead soft\">" << escape(source)
    << ". One decode step at each position; the query at position p sees keys 0 to p.</p>\n";
  facts(s, trace, layers, backend, threads);
  s << "<h2>What one sees</h2>\n<p class=\"lead\">" << findings_exact(layers) << "</p>\n<p class=\"lead\">"
    << findings(layers) << "</p>\n"
    << "<h2>Error against bytes</h2>\n<p class=\"soft\">Further left is cheaper, further down is better.</p>\n<figure>"
    << error_figure(layers) << "</figure>\n<h2>Scores along the keys</h2>\n<p class=\"soft\">What "
    << escape(layers[0].portrayed) << " looks at. Grey is what it cannot know: the range of all scores.</p>\n"
    << key;
  for (const LayerResult& layer : layers) portraits(s, layer);
  s << "<h2>All numbers</h2>\n<p class=\"soft\">All positions of a layer together. They read from several copies of "
       "the cache in turn, as in a decode step no row is left in a core from the step before.</p>\n";
  for (const LayerResult& layer : layers) table(s, trace, layer);
  meanings(s);
  s << "</main></body></html>\n";
  return s.str();
}

}  // namespace demo
