#include "contest.hpp"

#include <algorithm>
#include <stdexcept>

namespace bench {

namespace {

void slice(Contestant& c, double seconds) {
  const double begin = now();
  do c.seconds.push_back(c.run());
  while (now() - begin < seconds);
}

}  // namespace

void check(crest::Status status) {
  if (status != crest::Status::ok) throw std::runtime_error(crest::to_string(status));
}

double Contestant::least() const { return *std::min_element(seconds.begin(), seconds.end()); }

double Contestant::median() const {
  std::vector<double> sorted = seconds;
  std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2, sorted.end());
  return sorted[sorted.size() / 2];
}

void compete(const std::vector<Contestant*>& contestants, double seconds) {
  constexpr int rounds = 5;
  for (int round = 0; round < rounds; ++round)
    for (Contestant* c : contestants) slice(*c, seconds / rounds);
  slice(*contestants.front(), seconds / rounds);
}

}  // namespace bench
