// The laboratory: many ways to attend, measured on recorded heads of a language model and shown in pictures.
//
//   02_frontier [--trace DIR] [--html FILE] [--json FILE] [--budgets FILE] [--target ERROR] [--positions N] [--threads
//   N]
//
// Prints one table; every number is computed in this run. Exit code 2: the trace cannot be used.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "02_frontier/contenders.hpp"
#include "02_frontier/findings.hpp"
#include "common/default_trace.hpp"
#include "common/exit_code.hpp"

namespace {

namespace fs = std::filesystem;
using namespace frontier;

struct Options {
  fs::path trace{}, html{}, json{}, budgets{};
  double target = 0.03;
  Index positions = 128;
  bool no_walks = false;
  int threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 64u));
};

Report explore(const Options& o) {
  demo::Progress progress;
  crest::Pool pool(o.threads);
  Report r{.trace = thinned(demo::read_trace(o.trace), o.positions), .contenders = contenders()};
  r.layers = study(r.trace, r.contenders, pool, progress);
  r.all = together(r.layers);
  r.runners = race(r.trace, softmax_policies(), pool, progress);
  r.suggestion = suggest(r.layers, r.contenders, o.target);
  if (o.no_walks) return r;
  r.walks = make_walks();
  r.walk_layers = study(r.walks.trace, r.contenders, pool, progress);
  return r;
}

/// What is called exact must be.
bool credible(const Report& r) {
  for (const LayerStudy& layer : r.layers)
    if (!(demo::value_at(layer.outcomes[0].errors, 1) < 1e-4)) {
      std::cerr << "layer " << layer.number << ": exact is not exact\n";
      return false;
    }
  return true;
}

void write(const char* option, const fs::path& file, const std::string& text) {
  if (file.empty()) return;
  std::ofstream out(file);
  if (!(out << text).flush()) throw std::runtime_error(std::string(option) + ": cannot write " + file.string());
}

int run(const Options& o) {
  const Report report = explore(o);
  std::cout << about_trace(report) << "\n\n" << demo::text_table(summary(report)) << '\n';
  for (const auto& finding : {neighbours_finding(report, Neighbours::weights), smoothness_finding(report),
                              race_finding(report), budgets_finding(report), walks_finding(report)})
    std::cout << finding << '\n';
  if (!o.html.empty()) write("--html", o.html, page(report).str());
  write("--json", o.json, numbers(report));
  write("--budgets", o.budgets, report.suggestion.budgets.json());
  return credible(report) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options o{.trace = demo::default_trace()};
  CLI::App app("Bytes, errors and their causes of many ways to attend, on recorded heads of a language model");
  app.add_option("--trace", o.trace, "folder of the trace");
  app.add_option("--html", o.html, "file to write the page to");
  app.add_option("--json", o.json, "file to write all numbers to");
  app.add_option("--budgets", o.budgets, "file to write the suggested budget of each layer to");
  app.add_option("--target", o.target, "mean error that suggested budgets stay below")->check(CLI::Range(1e-6, 1.0));
  app.add_option("--positions", o.positions, "at most so many positions of the trace, evenly spaced")
      ->check(CLI::Range(1, 1 << 20));
  app.add_flag("--no-walks", o.no_walks, "leave out the walks on a sphere");
  app.add_option("--threads", o.threads, "threads to run on")->check(CLI::Range(1, 1024));
  CLI11_PARSE(app, argc, argv);
  return demo::exit_code("02_frontier", [&] { return run(o); });
}
