#include "page.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "plot.hpp"
#include "text.hpp"

namespace bench {

namespace {

using nlohmann::json;

constexpr const char* style = R"(
:root { color-scheme: light dark; --line: #8884; --text: light-dark(#222, #ddd); }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: light-dark(#fff, #161616);
       max-width: 1320px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(380px, 1fr)); gap: 1em; }
svg { width: 100%; } .title { font-weight: 600; font-size: 13px; fill: var(--text); }
.tick { font-size: 11px; fill: var(--text); opacity: .75; } .grid { stroke: var(--line); stroke-width: .6; }
.guide { stroke: var(--text); stroke-dasharray: 2 3; } .line { fill: none; stroke-width: 2; }
.dashed { stroke-dasharray: 6 4; }
.legend span { white-space: nowrap; margin-right: 1.4em; } .legend svg { width: 34px; vertical-align: middle; }
.c0 { stroke: #2a78c8; fill: #2a78c8; } .c1 { stroke: #d5672a; fill: #d5672a; } .c2 { stroke: #3a9c4d; fill: #3a9c4d; }
.c3 { stroke: #9059b8; fill: #9059b8; } .c4 { stroke: #c43d5d; fill: #c43d5d; } .c5 { stroke: #8a7a2b; fill: #8a7a2b; }
.line.c0, .line.c1, .line.c2, .line.c3, .line.c4, .line.c5 { fill: none; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 2px 9px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } .bad { color: #c43d5d; font-weight: 600; }
)";

std::string text(const json& row, const char* field) { return row.value(field, std::string()); }

/// A number of a row as a cell; an empty one where the row has none.
std::string cell(const json& row, const char* pattern, const char* field) {
  return row.contains(field) ? format((std::string("<td>") + pattern).c_str(), row.at(field).get<double>()) : "<td>";
}

/// Rows that charts share a frame over: one model shape at one thread count.
std::string group_of(const json& row) {
  const int threads = row.at("threads");
  return format("%d/%d d%d, %d thread%s", row.at("heads").get<int>(), row.at("kv_heads").get<int>(),
                row.at("head_dim").get<int>(), threads, threads == 1 ? "" : "s");
}

int dtype_colour(const json& row) { return text(row, "dtype") == "f32" ? 0 : text(row, "dtype") == "f16" ? 1 : 2; }

/// Charts by group, in order of first appearance.
class ChartSet {
 public:
  explicit ChartSet(Chart model) : model_(std::move(model)) {}

  void add(const std::string& title, const Series& like, Point point) {
    Chart& chart = find(charts_, title, model_);
    chart.title = title;
    auto series = std::find_if(chart.series.begin(), chart.series.end(), [&](auto& s) { return s.name == like.name; });
    if (series == chart.series.end()) series = chart.series.insert(series, like);
    series->points.push_back(point);
    find(legend_, like.name, like);
  }

  std::string html() const {
    std::string out = "<p class='legend'>";
    for (const auto& [name, s] : legend_)
      out += format("<span><svg viewBox='0 0 34 10'><path class='line c%d%s' d='M0 5 L34 5'/></svg> %s</span>",
                    s.colour, s.dashed ? " dashed" : "", escaped(name).c_str());
    out += "</p><div class='charts'>";
    for (const auto& [name, chart] : charts_) out += svg(chart);
    return out + "</div>";
  }

 private:
  template <class T>
  static T& find(std::vector<std::pair<std::string, T>>& list, const std::string& key, const T& fresh) {
    for (auto& [name, value] : list)
      if (name == key) return value;
    return list.emplace_back(key, fresh).second;
  }

  Chart model_;
  std::vector<std::pair<std::string, Chart>> charts_;
  std::vector<std::pair<std::string, Series>> legend_;
};

std::string share_charts(const json& rows) {
  ChartSet charts({.title = "", .unit = "%", .guide = 100, .top = 125});
  for (const json& row : rows)
    if (text(row, "peer") == "crest_exact")
      charts.add(group_of(row),
                 {text(row, "dtype") + " " + text(row, "backend"), dtype_colour(row), text(row, "backend") == "avx2"},
                 {row.at("n"), row.at("pct_roofline")});
  return "<h2>Exact decode: share of the roofline</h2><p>The roofline is the larger of the time to read K and V once "
         "(the best of nine read loops on the same buffers) and the time of the multiply-adds at the measured peak of "
         "the "
         "backend's vectors. 100&nbsp;% cannot be beaten.</p>" +
         charts.html();
}

std::string peer_charts(const json& rows) {
  ChartSet charts({.title = "", .unit = "x", .logarithmic = true});
  std::map<std::string, int> colours;
  for (const json& row : rows) {
    if (!row.contains("ratio")) continue;
    const int colour = colours.emplace(text(row, "peer"), static_cast<int>(colours.size())).first->second;
    charts.add(group_of(row) + ", " + text(row, "dtype"), {text(row, "peer"), colour}, {row.at("n"), row.at("ratio")});
  }
  if (colours.empty()) return "";
  return "<h2>Peers: their time over that of crest, exact</h2><p>Same process, same buffers, by turns; above 1 crest "
         "is "
         "faster.</p>" +
         charts.html();
}

std::string guided_charts(const json& rows) {
  ChartSet charts({.title = "", .unit = "x", .logarithmic = true});
  bool any = false;
  for (const json& row : rows) {
    if (!row.contains("speedup")) continue;
    any = true;
    const bool cache_rows = text(row, "rows") != "8-bit";
    const int colour = row.at("budget") < 0.125 ? 1 : 0;
    charts.add(group_of(row) + ", " + text(row, "backend"),
               {format("%.2f of the bytes, %s rows", row.at("budget").get<double>(), text(row, "rows").c_str()), colour,
                cache_rows},
               {row.at("n"), row.at("speedup")});
  }
  if (!any) return "";
  return "<h2>guided: time of exact over its time</h2><p>On peaked heads, f16 cache, one thread, by turns; sketches "
         "are "
         "built before. Bytes, errors and what guided told of them are in the table.</p>" +
         charts.html();
}

std::string append_table(const json& rows) {
  std::string out;
  for (const json& row : rows)
    if (row.contains("append_case"))
      out += "<tr><td>" + text(row, "append_case") + "<td>" + text(row, "dtype") + "<td>" + text(row, "backend") +
             cell(row, "%.4f", "exact_ms") + cell(row, "%.2f", "k_us") + cell(row, "%.2f", "pct_k") +
             cell(row, "%.2f", "k_and_v_us") + cell(row, "%.2f", "pct_k_and_v") + "\n";
  if (out.empty()) return "";
  return "<h2>KeySketch::append</h2><p>A key at a time, mean over a block of 64; against one step of exact at the same "
         "length.</p><div class='scroll'><table><tr><th>case<th>type<th>backend<th>exact, ms<th>append(k), us a "
         "key<th>% of a step<th>append(k, v), us a key<th>% of a step" +
         out + "</table></div>";
}

std::string feature_table(const json& rows) {
  std::string out;
  for (const json& row : rows)
    if (row.contains("feature"))
      out += "<tr><td>" + text(row, "group") + "<td>" + text(row, "case") + "<td>" + text(row, "dtype") + "<td>" +
             text(row, "backend") + "<td>" + escaped(text(row, "feature")) + cell(row, "%.4f", "ms_min") +
             cell(row, "%.3f", "over_base") + cell(row, "%.1f", "pct_limit") + cell(row, "%.1f", "pct_roofline") +
             cell(row, "%.1f", "pct_peak") + "<td>" + escaped(text(row, "goals")) + "\n";
  if (out.empty()) return "";
  return "<h2>What features cost</h2><p>One thread, by turns with the first line of each group on the same "
         "backend.</p><div class='scroll'><table><tr><th>what<th>case<th>type<th>backend<th>feature<th>ms<th>time / "
         "first<th>% of the limit<th>% of roofline<th>% of FMA peak<th>goals" +
         out + "</table></div>";
}

std::string missing_peers(const json& rows) {
  std::string out;
  for (const json& row : rows)
    if (row.contains("unavailable"))
      out += "<p class='bad'>" + escaped(text(row, "peer") + " was not measured: " + text(row, "unavailable")) + "</p>";
  return out;
}

/// "crest_guided 0.15, 8-bit rows", "crest_feature, softcap".
std::string what(const json& row) {
  if (row.contains("feature")) return text(row, "peer") + ", " + text(row, "feature");
  if (!row.contains("budget")) return text(row, "peer");
  return format("%s %.2f, %s rows", text(row, "peer").c_str(), row.at("budget").get<double>(),
                text(row, "rows").c_str());
}

/// Numbers of the table below: how they are printed, the field, the heading.
struct Column {
  const char *pattern, *field, *heading;
};
constexpr Column columns[] = {{"%.0f", "threads", "threads"},
                              {"%.4f", "ms_min", "ms, least"},
                              {"%.4f", "ms_median", "ms, median"},
                              {"%.0f", "bytes", "bytes read"},
                              {"%.1f", "pct_bytes", "% of K and V"},
                              {"%.1f", "gbs", "GB/s"},
                              {"%.1f", "limit_gbs", "read limit, GB/s"},
                              {"%.1f", "pct_limit", "% of it"},
                              {"%.0f", "limit_gflops", "FMA peak, GFLOP/s"},
                              {"%.1f", "pct_roofline", "% of roofline"},
                              {"%.1e", "err_rel_l2", "error"},
                              {"%.1e", "predicted", "error told"},
                              {"%.0f", "pct_exact_rows", "% done exactly"},
                              {"%.2f", "speedup", "exact / time"},
                              {"%.2f", "ratio", "time / crest"}};

std::string cells(const json& row) {
  std::string out = "<tr><td>" + escaped(what(row)) + "<td>" + text(row, "backend") + "<td>" + text(row, "case") +
                    "<td>" + text(row, "dtype");
  for (const Column& c : columns) out += cell(row, c.pattern, c.field);
  return out + (row.value("plausible", true) ? "\n" : "<td class='bad'>faster than the limit\n");
}

std::string all_rows(const json& rows) {
  std::string out = "<h2>All rows</h2><div class='scroll'><table><tr><th>what<th>backend<th>case<th>type";
  for (const Column& c : columns) out += std::string("<th>") + c.heading;
  for (const json& row : rows)
    if (row.contains("case")) out += cells(row);
  return out + "</table></div>";
}

}  // namespace

std::string page(const json& rows, const std::string& heading) {
  return "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
         "<title>crest: speed</title><style>" +
         std::string(style) + "</style><h1>crest: decode speed</h1><p>" + escaped(heading) + "</p>" +
         share_charts(rows) + guided_charts(rows) + append_table(rows) + feature_table(rows) + peer_charts(rows) +
         missing_peers(rows) + all_rows(rows) + "</html>\n";
}

}  // namespace bench
