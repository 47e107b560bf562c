#include "bench.hpp"

#include "baseline.hpp"

namespace demo {

void Bench::say(const std::string& what) {
  progress_.say("layer " + std::to_string(batch_.layer().number) + ": " + what);
}

template <class F>
double Bench::time_each(F&& f) {
  const auto problems = batch_.problems();
  const auto one = [&](crest::Index, crest::Index i) { f(problems[i]); };
  return best_seconds(options_.repeat, pool_.size(), [&] { pool_.parallel(std::ssize(problems), one); });
}

double Bench::read_limit() {
  for (int loop = 0; loop < read_loops; ++loop) {
    say("read loop " + std::to_string(loop));
    const double seconds = time_each([&](const auto& problem) { read(problem, loop, backend_); });
    limit_ = std::max(limit_, dense_bytes(batch_) / seconds);
  }
  return limit_;
}

Measured Bench::textbook() {
  say("textbook loop");
  const double seconds = time_each([&](const auto& problem) { demo::textbook(problem, backend_); });
  const double dense = dense_bytes(batch_), read = dense * static_cast<double>(batch_.trace().gqa_group());
  return {{"textbook loop"}, seconds, {read, dense, errors(batch_, oracle_)}, 1, LeftOut{.peak_found = 1}};
}

Measured Bench::measure(const Label& label, const crest::Guided& recipe, SketchRows rows) {
  say(label.text());
  const crest::Guided own = seeded(recipe);
  double seconds = 0;
  Counted all;
  with_sketches(batch_, rows, options_.footprint, [&](Problems part) {
    crest::Report report;
    seconds +=
        best_seconds(options_.repeat, pool_.size(), [&] { report = crest::attention(part, own, pool_, backend_); });
    require_ok(report);
    all.add(report);
  });
  return {.label = label,
          .seconds = seconds,
          .outcome = {all.bytes_read, all.bytes_dense, errors(batch_, oracle_)},
          .keys_used = all.keys_used / all.keys_visible,
          .foretold = Foretold{predicted(batch_), all.fallbacks / all.rows}};
}

}  // namespace demo
