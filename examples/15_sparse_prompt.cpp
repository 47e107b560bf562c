// The recipe `sparse` on the last queries of a prompt against other rules which keys to use, at equal shares of the
// keys: errors of all, what sparse predicts of its own, and its time against exact's.
//
//   15_sparse_prompt [--trace DIR | --synthetic KEYS] [--queries N] [--html FILE] [--repeat N] [--threads N]
//
// Prints one table; every number is computed in this run. Exit code 2: the trace cannot be used.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <thread>

#include "15_sparse_prompt/report.hpp"
#include "15_sparse_prompt/synthetic.hpp"
#include "common/default_trace.hpp"
#include "common/exit_code.hpp"
#include "common/statistics.hpp"

namespace {

using namespace prompt;

struct Options {
  std::filesystem::path trace{};
  std::string html{};
  Index synthetic = 0, queries = 256;
  int repeat = 3;
  int threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 64u));
};

/// Below these sizes `sparse` is exact.
constexpr Index least_keys = 1024, least_queries = 32;

demo::Trace read(const Options& o) {
  if (o.synthetic > 0) return synthetic_prompt(o.synthetic, o.queries);
  demo::Trace trace = demo::read_prompt(o.trace, {least_queries, o.queries});
  if (trace.keys < least_keys)
    demo::fail_trace("qpos.npy", "data",
                     "the prompt ends after " + std::to_string(trace.keys) + " keys, at least " +
                         std::to_string(least_keys) + " are needed");
  return trace;
}

/// What is called exact must be.
bool credible(const Study& study) {
  if (demo::value_at(study.exact, 1) < 1e-4) return true;
  std::cerr << "15_sparse_prompt: exact is not exact\n";
  return false;
}

int run(const Options& o) {
  const demo::Trace trace = read(o);
  demo::Progress progress;
  crest::Pool pool(o.threads);
  const Study found = study(trace, {pool, progress, o.repeat});
  std::cout << about(trace) << "\n\n"
            << demo::text_table(table(found)) << '\n'
            << finding(found) << '\n'
            << losses(found) << '\n';
  if (!o.html.empty()) page(trace, found).write(o.html);
  return credible(found) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options o{.trace = demo::default_trace()};
  CLI::App app("Sparse prompts against other rules which keys to use, at equal shares of the keys");
  CLI::Option* trace = app.add_option("--trace", o.trace, "folder of the trace");
  app.add_option("--synthetic", o.synthetic, "keys of a made-up prompt, in place of a trace")
      ->check(CLI::Range(8192, 131072))
      ->excludes(trace);
  app.add_option("--queries", o.queries, "at most so many of the last positions")
      ->check(CLI::Range(static_cast<int>(least_queries), 4096));
  app.add_option("--html", o.html, "file to write the page to");
  app.add_option("--repeat", o.repeat, "calls that are timed; the fastest counts")->check(CLI::Range(1, 1000));
  app.add_option("--threads", o.threads, "threads for all but what is timed")->check(CLI::Range(1, 1024));
  CLI11_PARSE(app, argc, argv);
  return demo::exit_code("15_sparse_prompt", [&] { return run(o); });
}
