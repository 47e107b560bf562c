// Exact and clustered attention on recorded heads of a language model: time, bytes and error side by side.
//
//   01_long_context [--trace DIR] [--html FILE] [--repeat N] [--threads N]
//
// Prints one table per layer; every number is computed in this run. Exit code 2: the trace cannot be used.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "01_long_context/bench.hpp"
#include "01_long_context/page.hpp"
#include "01_long_context/table.hpp"

namespace {

namespace fs = std::filesystem;
using namespace demo;

struct Options {
  fs::path trace{}, html{};
  int threads = 1;
  BenchOptions bench{};
};

/// The trace that comes with the examples. The path to it is relative to the folder of this program.
fs::path default_trace() {
  std::error_code none;
  const fs::path program = fs::canonical("/proc/self/exe", none);
  return (program.parent_path() / CREST_EXAMPLES_DATA / "smollm2_prose_small").lexically_normal();
}

/// The recipes to compare; a new one is a new line.
LayerResult run(Bench& bench, int layer) {
  const auto strided = [](crest::Index step) {
    return crest::Recipe{crest::Stride{step}, crest::Window{}, crest::Margin{}, crest::Plateau{}};
  };
  const crest::Recipe rescaling{crest::EveryKey{}, crest::Stay{}, crest::Rescaling{}, crest::Everything{}};
  LayerResult result{.number = layer};
  bench.read_limit();
  result.rows.push_back(bench.textbook());
  result.rows.push_back(bench.measure("online rescaling", rescaling));
  result.rows.push_back(bench.measure("exact", crest::exact));
  for (crest::Index step : {4, 8, 16})
    result.rows.push_back(bench.measure("clustered, stride " + std::to_string(step), strided(step)));
  result.portrayed = result.rows.back().recipe;
  result.portraits = bench.portraits(strided(16), result.rows.back());
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
    std::cout << heading(trace, layers.back()) << "\n\n" << text_table(layers.back()) << std::endl;
  }
  return layers;
}

/// What is called exact must be.
bool credible(const std::vector<LayerResult>& layers) {
  for (const LayerResult& layer : layers)
    for (const Measured& row : layer.rows)
      if (row.keys_used == 1 && !(row.error_p95() < 1e-4)) {
        std::cerr << "layer " << layer.number << ", " << row.recipe << ": uses every key and is not exact\n";
        return false;
      }
  return true;
}

/// Nothing that reads every byte can be faster than reading them.
void warn_if_disturbed(const std::vector<LayerResult>& layers) {
  for (const LayerResult& layer : layers)
    for (const Measured& row : layer.rows)
      if (row.keys_used == 1 && dense_share(layer, row) > 1.02)
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
  CLI::App app("Exact and clustered attention on recorded heads of a language model");
  app.add_option("--trace", options.trace, "folder of the trace");
  app.add_option("--html", options.html, "file to write the report to");
  app.add_option("--repeat", options.bench.repeat, "times everything is timed; the fastest counts")
      ->check(CLI::Range(1, 1000));
  app.add_option("--threads", options.threads, "threads to run on")->check(CLI::Range(1, 1024));
  CLI11_PARSE(app, argc, argv);
  try {
    return demonstrate(options);
  } catch (const TraceError& e) {
    std::cerr << "01_long_context: " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "01_long_context: " << e.what() << '\n';
    return 1;
  }
}
