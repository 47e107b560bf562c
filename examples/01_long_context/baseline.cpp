#define CREST_USER_KERNELS "baseline.inl"
#include "baseline.hpp"

namespace demo {

using crest::f16;
using crest::Index;

void textbook(const crest::Problem<f16>& problem, crest::Backend backend) {
  thread_local std::vector<float> scores, row;
  scores.resize(problem.keys());
  row.resize(std::max(problem.head_dim(), problem.value_dim()) + 16);
  crest::dispatch(backend, [&](auto region) {
    for (Index head = 0; head < problem.heads(); ++head)
      textbook_head(region, problem, head, scores.data(), row.data());
  });
}

float read(const crest::Problem<f16>& problem, int loop, crest::Backend backend) {
  float read_back = 0;
  crest::dispatch(backend, [&](auto region) { read_back = read_problem(region, problem, loop); });
  return read_back;
}

}  // namespace demo
