// crest_bench_table: one run that measures every case and prints time, limit, bytes and error side by side: exact,
// clustered and a textbook loop; guided; appending to a sketch; what features cost.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>

#include "append.hpp"
#include "crest/probe.hpp"
#include "features.hpp"
#include "guided.hpp"
#include "measure.hpp"
#include "page.hpp"
#include "peers.hpp"
#include "team.hpp"
#include "text.hpp"

namespace {

struct Options {
  std::string filter, json, html;
  std::vector<std::string> backends, merge;
  double seconds = 0.3;
  bool list = false, quick = false, coarse = false;
  bool no_decode = false, no_textbook = false, no_clustered = false, no_guided = false, no_features = false;

  Options(int argc, char** argv) {
    CLI::App app("Exact, clustered and guided decode against the limits of the machine and a textbook loop.");
    app.add_option("--filter", filter, "words a case must hold, such as \"d128 n16k f16 t1\"");
    app.add_option("--backend", backends, "backends to time (all available vector backends)");
    app.add_option("--time", seconds, "seconds for each thing timed");
    app.add_option("--json", json, "write all rows to this file");
    app.add_option("--html", html, "write a page with plots to this file");
    app.add_option("--merge", merge, "add the rows of these JSON files to the page and the ratios");
    app.add_flag("--list", list, "print the cases and stop");
    app.add_flag("--coarse", coarse, "every other length");
    app.add_flag("--quick", quick, "a few cases, 0.1 s each");
    app.add_flag("--no-decode", no_decode, "leave the first table out");
    app.add_flag("--no-guided", no_guided, "leave guided and its sketches out");
    app.add_flag("--no-features", no_features, "leave out what features cost");
    app.add_flag("--no-textbook", no_textbook, "leave the textbook loop out");
    app.add_flag("--no-clustered", no_clustered, "leave the clustered recipe out");
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      std::exit(app.exit(e));
    }
    if (quick && app["--time"]->empty()) seconds = 0.1;
  }
};

std::vector<crest::Backend> chosen_backends(const Options& options) {
  std::vector<crest::Backend> chosen;
  for (const std::string& name : options.backends) chosen.push_back(crest::Backend::named(name));
  if (!chosen.empty()) return chosen;
  for (crest::Backend b : crest::Backend::all())
    if (b.available() && !b.tiles() && std::string(b.name()) != "scalar") chosen.push_back(b);
  if (chosen.empty()) chosen.push_back(crest::Backend::best());
  return chosen;
}

std::vector<bench::Case> chosen_cases(const Options& options) {
  const bench::Grid grid = options.quick    ? bench::quick_grid()
                           : options.coarse ? bench::coarse_grid()
                                            : bench::full_grid();
  return bench::cases(grid, options.filter);
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

/// What the numbers are taken on, and whether others are at work there.
std::string machine() {
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  std::string text = bench::format("%s, %d CPUs, load average %.1f", processor().c_str(), bench::cpu_count(), load);
  if (load > 0.5) text += ": not quiet; long calls and those with several threads are upper bounds";
  return text + ".";
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

/// Prints each line as it is measured; all rows go to `rows`. False when a kernel seems faster than memory.
bool measure_decode(const std::vector<bench::Case>& cases, const bench::Effort& effort, nlohmann::json& rows) {
  bool plausible = true;
  print(bench::table_head());
  for (const bench::Case& c : cases)
    for (const bench::Line& line : bench::measure(c, effort)) {
      print(bench::table_line(line));
      for (const bench::Row* row : {&line.exact, &line.textbook, &line.clustered})
        if (row->ms_min > 0) rows.push_back(to_json(*row));
      plausible &= line.exact.plausible;
    }
  print(bench::table_notes());
  return plausible;
}

void measure_guided(const Options& options, const bench::Effort& effort, nlohmann::json& rows) {
  std::vector<bench::GuidedLine> lines;
  print("\nguided on peaked heads, f16 cache, one thread\n" + bench::guided_head());
  for (const bench::Case& c : bench::cases(bench::guided_grid(options.quick), options.filter))
    for (const bench::GuidedLine& line : bench::measure_guided(c, effort)) {
      print(bench::guided_line(line));
      for (const bench::GuidedRow& row : line.guided) rows.push_back(to_json(row));
      lines.push_back(line);
    }
  print(bench::guided_notes(lines) + bench::append_head());
  for (const bench::Case& c : bench::cases(bench::append_grid(), ""))
    for (const bench::AppendCost& cost : bench::measure_append(c, effort)) {
      print(bench::append_line(cost));
      rows.push_back(to_json(cost));
    }
}

void measure_features(const Options& options, const bench::Effort& effort, nlohmann::json& rows) {
  print("\nfeatures, one thread\n" + bench::feature_head());
  for (const bench::FeatureCase& c : bench::feature_cases(options.quick, options.filter))
    for (const bench::FeatureRow& row : c.measure(c.at, effort)) {
      print(bench::feature_line(row));
      rows.push_back(to_json(row));
    }
  print(bench::feature_notes());
}

void merge_files(const std::vector<std::string>& files, nlohmann::json& rows) {
  for (const std::string& file : files) {
    const nlohmann::json more = nlohmann::json::parse(std::ifstream(file));
    rows.insert(rows.end(), more.begin(), more.end());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  crest::probe();  // tile registers are used only where they were tried
  const std::vector<bench::Case> cases = chosen_cases(options);
  if (options.list) {
    for (const bench::Case& c : cases) print(c.list_line());
    for (const bench::Grid& grid : {bench::block_grid(options.quick), bench::prompt_grid(options.quick)})
      for (const bench::Case& c : bench::cases(grid, options.filter)) print(c.list_line());
    return 0;
  }
  const bench::Effort effort{.seconds = options.seconds,
                             .textbook = !options.no_textbook,
                             .clustered = !options.no_clustered,
                             .backends = chosen_backends(options)};
  const std::string heading = machine();
  nlohmann::json rows = nlohmann::json::array();
  std::printf("%s\n\n", heading.c_str());
  const bool plausible = options.no_decode || measure_decode(cases, effort, rows);
  if (!options.no_guided) measure_guided(options, effort, rows);
  if (!options.no_features) measure_features(options, effort, rows);
  merge_files(options.merge, rows);
  print(bench::peer_summary(rows));
  if (!options.json.empty()) std::ofstream(options.json) << rows.dump(1);
  if (!options.html.empty()) std::ofstream(options.html) << bench::page(rows, heading);
  if (!plausible) std::fputs("A kernel seemed faster than memory can be read: the machine was too noisy.\n", stderr);
  return plausible ? 0 : 1;
}
