// Exact, clustered and guided attention on recorded heads of a language model: time, bytes and error side by side.
//
//   01_long_context [--trace DIR] [--html FILE] [--repeat N] [--threads N]
//
// Prints one table per layer; every number is computed in this run. Exit code 2: the trace cannot be used.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "01_long_context/bench.hpp"
#include "01_long_context/contest.hpp"
#include "01_long_context/page.hpp"
#include "01_long_context/table.hpp"
#include "common/default_trace.hpp"
#include "common/exit_code.hpp"
#include "common/format.hpp"

namespace {

namespace fs = std::filesystem;
using namespace demo;

struct Options {
  fs::path trace{}, html{};
  int threads = 1;
  BenchOptions bench{};
};

/// The recipes to compare; a new one is a new line.
LayerResult run(Bench& bench, int layer) {
  const auto strided = [](crest::Index step) {
    return crest::Recipe{crest::Stride{step}, crest::Window{}, crest::Margin{}, crest::Plateau{}};
  };
  const crest::Recipe rescaling{crest::EveryKey{}, crest::Stay{}, crest::Rescaling{}, crest::Everything{}};
  LayerResult result{.number = layer};
  const auto add = [&](Measured m) { result.rows.push_back(std::move(m)); };
  bench.read_limit();
  add(bench.textbook());
  add(bench.measure({"online rescaling"}, rescaling));
  add(bench.measure({"exact"}, crest::exact));
  for (crest::Index step : {4, 8, 16}) add(bench.measure({"clustered, stride", std::to_string(step)}, strided(step)));
  result.portrayed = result.rows.back().label.text();
  result.portraits = bench.portraits(strided(16), result.rows.back());
  for (const auto& [family, kept] :
       {std::pair{"guided", SketchRows::bytes}, std::pair{"guided, f16 rows", SketchRows::none}})
    for (float budget : {0.10f, 0.15f})
      add(bench.measure({family, fixed(budget, 2)}, crest::guided.with({.budget = budget}), kept));
  add(bench.measure({"guided, error", "0.02"}, crest::guided.with({.target_error = 0.02f}), SketchRows::bytes));
  result.contest = compete(bench);
  result.limit = bench.read_limit();
  return result;
}

std::vector<LayerResult> run(const Trace& trace, const Options& options) {
  std::vector<LayerResult> layers;
  Progress progress;
  crest::Pool pool(options.threads);
  for (const Layer& layer : trace.layers) {
    Bench bench(trace, layer, options.bench, pool, progress);
    layers.push_back(run(bench, layer.number));
    std::cout << heading(trace, layers.back()) << "\n\n"
              << text_table(layers.back()) << '\n'
              << contest_table(layers.back()) << std::endl;
  }
  return layers;
}

/// What is called exact must be.
bool credible(const std::vector<LayerResult>& layers) {
  for (const LayerResult& layer : layers)
    for (const Measured& row : layer.rows)
      if (row.all_keys() && !(row.outcome.error_p95() < 1e-4)) {
        std::cerr << "layer " << layer.number << ", " << row.label.text() << ": uses every key and is not exact\n";
        return false;
      }
  return true;
}

/// Nothing that reads every byte can be faster than reading them.
void warn_if_disturbed(const std::vector<LayerResult>& layers) {
  for (const LayerResult& layer : layers)
    for (const Measured& row : layer.rows)
      if (row.all_keys() && dense_share(layer, row) > 1.02)
        std::cerr << "layer " << layer.number << ": the read limit was disturbed, its shares are too high; run again\n";
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  if (!(out << text).flush()) throw std::runtime_error("--html: cannot write " + file.string());
}

int demonstrate(const Options& options) {
  if (!crest::Backend::best().available()) throw std::runtime_error(crest::to_string(crest::Status::backend));
  const Trace trace = read_trace(options.trace);
  if (options.threads == 1) pin_this_thread();
  const std::vector<LayerResult> layers = run(trace, options);
  for (const Column& c : columns()) std::cout << c.name() << ": " << c.meaning << '\n';
  if (!options.html.empty()) write(options.html, page(trace, layers, crest::Backend::best().name(), options.threads));
  warn_if_disturbed(layers);
  return credible(layers) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options{.trace = default_trace()};
  CLI::App app("Exact, clustered and guided attention on recorded heads of a language model");
  app.add_option("--trace", options.trace, "folder of the trace");
  app.add_option("--html", options.html, "file to write the report to");
  app.add_option("--repeat", options.bench.repeat, "times everything is timed; the fastest counts")
      ->check(CLI::Range(1, 1000));
  app.add_option("--threads", options.threads, "threads to run on")->check(CLI::Range(1, 1024));
  CLI11_PARSE(app, argc, argv);
  return exit_code("01_long_context", [&] { return demonstrate(options); });
}
