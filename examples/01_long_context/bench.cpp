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
  return {"textbook loop", seconds, read, dense, 1, 1, 0, 0, errors(batch_, oracle_)};
}

}  // namespace demo
