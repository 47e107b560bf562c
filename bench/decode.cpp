// crest_bench_decode: Google Benchmark over recipes, shapes, types, backends and threads. Counters: bytes read, GB/s,
// and for exact the share of the read limit, measured on the same buffers before and after.

#include <benchmark/benchmark.h>

#include <crest/attention.hpp>
#include <crest/executors.hpp>
#include <memory>

#include "inputs.hpp"
#include "limits.hpp"
#include "team.hpp"

namespace {

using bench::Case;

/// Inputs, threads and read limit of the case that runs; Google Benchmark enters a benchmark several times.
template <class T>
struct Setup {
  explicit Setup(const Case& c)
      : inputs(c.shape),
        limit(inputs.k.bytes(), inputs.v.bytes(), c.threads),
        out(c.shape.heads * c.shape.head_dim),
        pool(c.threads) {
    bench::pin_threads(pool);
    limit.full_round();
  }

  static Setup& of(const Case& c) {
    static std::string name;
    static std::unique_ptr<Setup> setup;
    if (name != c.name()) setup.reset(), setup = std::make_unique<Setup>(c);
    name = c.name();
    return *setup;
  }

  bench::Inputs<T> inputs;
  bench::ReadLimit limit;
  std::vector<float> out;
  crest::Pool pool;
};

template <class T, class Recipe>
void decode(benchmark::State& state, const Case& c, const Recipe& recipe, crest::Backend backend) {
  constexpr bool exact = std::is_same_v<Recipe, crest::Exact>;
  Setup<T>& setup = Setup<T>::of(c);
  const auto problem = setup.inputs.problem(exact ? setup.inputs.q : setup.inputs.near_q, setup.out);
  crest::Report report;
  double least = 1e30;
  for (auto _ : state) {
    const double begin = bench::now();
    report = crest::attention(problem, recipe, setup.pool, backend);
    const double seconds = bench::now() - begin;
    state.SetIterationTime(seconds);
    least = std::min(least, seconds);
  }
  if (!report.ok()) state.SkipWithError(crest::to_string(report.status));
  setup.limit.round();
  state.counters["bytes"] = static_cast<double>(report.bytes_read);
  state.counters["GB/s"] = static_cast<double>(report.bytes_read) / least * 1e-9;
  state.counters["limit_GB/s"] = setup.limit.gbs();
  if (exact) state.counters["limit_share"] = setup.limit.seconds() / least;
}

template <class Recipe>
void add(const std::string& recipe_name, const Recipe& recipe, const Case& c, crest::Backend backend) {
  std::string name = recipe_name + "/" + c.name() + "/" + backend.name();
  std::replace(name.begin(), name.end(), ' ', '/');
  bench::with_type(c.dtype, [&](auto element) {
    using T = decltype(element);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& s) { decode<T>(s, c, recipe, backend); })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  });
}

}  // namespace

int main(int argc, char** argv) {
  for (const Case& c : bench::cases(bench::full_grid(), ""))
    for (crest::Backend backend : crest::Backend::all()) {
      if (!backend.available()) continue;
      add("exact", crest::exact, c, backend);
      add("clustered", crest::clustered, c, backend);
    }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
