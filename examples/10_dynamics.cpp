// Tokens under self-attention, layer after layer: leaders, clusters, growth, localmax, cooling, sampling and speed;
// docs/dynamics.md.
//
//   10_dynamics [--full] [--html FILE] [--threads N]
//
// Prints tables; every number is computed in this run. Without --full few starts and few tokens, within seconds. Exit
// code 1: something does not hold.

#include <CLI/CLI.hpp>
#include <iostream>

#include "10_dynamics/report.hpp"
#include "common/format.hpp"
#include "common/progress.hpp"
#include "common/timing.hpp"

namespace {

using namespace study;

struct Options {
  std::string html{};
  bool full = false;
  int threads = 2;
};

/// Starts for each number of tokens: as many as minutes allow, or a few.
struct Starts {
  Index tokens, full, quick;
};
constexpr Starts starts[] = {{100, 1000, 20}, {1000, 1000, 2}, {10000, 10, 0}, {100000, 1, 0}};

std::vector<Census> census(const Options& o, crest::Pool& pool, demo::Progress& progress) {
  std::vector<Census> all;
  for (Index d : {2, 3, 4, 8, 16})
    for (const Starts& s : starts) {
      const Index count = o.full ? s.full : s.quick;
      if (count == 0) continue;
      all.push_back(take_census(s.tokens, d, count, pool));
      progress.say("random starts of " + std::to_string(s.tokens) + " tokens, d = " + std::to_string(d));
    }
  return all;
}

std::vector<Speed> speeds(const Options& o) {
  std::vector<Speed> all;
  for (Index d : {2, 8, 16}) all.push_back(measure_speed(o.full ? 20000 : 2000, d, true));
  if (o.full) all.push_back(measure_speed(100000, 8, false));
  return all;
}

Findings explore(const Options& o) {
  crest::Pool pool(o.threads);
  demo::Progress progress;
  Findings f;
  f.speeds = speeds(o);
  progress.say("speed");
  f.plain = watch(plain_start(60, 2, 8));
  f.growth = growth(plain_start(60, 2, 8), 60);
  f.cooled = cool(plain_start(2000, 8, 1));
  f.sensitivities = interpolate(o.full ? 200 : 100, o.full ? 50 : 5);
  progress.say("runs of localmax");
  f.samplings = compare_sampling(o.full ? 1000 : 500, o.full ? 10 : 2, pool);
  progress.say("sampled maxima");
  f.census = census(o, pool, progress);
  return f;
}

/// Dense Eigen is to take five times as long at 20,000 tokens: a matter of the machine, so told and not checked.
std::string against_dense(const Speed& s) {
  if (s.dense <= 0) return "";
  const double ratio = s.dense / s.crest;
  return "n = " + std::to_string(s.n) + ", d = " + std::to_string(s.d) + ": dense Eigen takes " +
         demo::fixed(ratio, 1) + " times as long, " + (ratio >= 5 ? "at least" : "less than") +
         " the 5 meant for 20000\n";
}

void print(const Findings& f) {
  std::cout << "A = I, 60 tokens: " << f.plain.leaders.size() << " leaders, " << f.plain.clusters << " clusters\n\n"
            << demo::text_table(table(f.census)) << "\nwithout normalisation the largest norm grows by a factor of "
            << f.growth.back() << " in " << f.growth.size() - 1 << " steps\n\n"
            << demo::text_table(table(f.sensitivities)) << '\n'
            << demo::text_table(table(f.cooled)) << '\n'
            << demo::text_table(table(f.samplings)) << '\n'
            << demo::text_table(table(f.speeds)) << '\n';
  for (const Speed& s : f.speeds) std::cout << against_dense(s);
}

/// Prints a fact that must hold; returns whether it does.
bool check(bool good, const char* fact) {
  std::cout << (good ? "ok: " : "WRONG: ") << fact << '\n';
  return good;
}

bool as_expected(const Findings& f) {
  bool still = true, placed = true, equal = true;
  for (const Census& c : f.census) still &= c.moved == 0, placed &= c.misplaced == 0;
  for (const Speed& s : f.speeds) equal &= s.distance <= 1e-5;
  bool good = check(still, "leaders never move");
  good &= check(placed, "in two and three dimensions leaders are the vertices of the final polytope");
  good &= check(f.growth.back() > 100, "norms grow without normalisation");
  const Sensitivity& vanishing = f.sensitivities.back();
  good &= check(vanishing.at_rest == 1, "tokens come to rest while the sensitivity vanishes");
  good &= check(vanishing.quiescent == 0, "a vanishing sensitivity ends where hardmax rests");
  good &= check(f.cooled.back().distance <= 0.01, "softmax approaches hardmax");
  return check(equal, "crest and Eigen find the same") && good;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Tokens under self-attention, layer after layer");
  app.add_flag("--full", options.full, "1,000 starts of up to 1,000 tokens, fewer of up to 100,000");
  app.add_option("--html", options.html, "file to write the report to");
  app.add_option("--threads", options.threads, "starts explored at a time")->check(CLI::Range(1, 64));
  CLI11_PARSE(app, argc, argv);
  try {
    const demo::Elapsed elapsed;
    const Findings findings = explore(options);
    print(findings);
    std::cout << "took " << demo::fixed(elapsed(), 1) << " s\n";
    if (!options.html.empty()) page(findings).write(options.html);
    return as_expected(findings) ? 0 : 1;
  } catch (const std::exception& e) {
    std::cerr << "10_dynamics: " << e.what() << '\n';
    return 1;
  }
}
