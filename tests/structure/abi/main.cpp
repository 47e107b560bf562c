// Runs attention in both translation units and compares outputs and reports.
#include <cmath>
#include <cstdio>
#include <vector>

#include "units.hpp"

namespace {

constexpr int skipped = 77;  // ctest's SKIP_RETURN_CODE: this CPU cannot run the wide half

struct Case {
  static constexpr crest::Index heads = 4, keys = 300, dim = 24;
  std::vector<float> q = wave(heads * dim, 0.37f), k = wave(keys * dim, 0.11f), v = wave(keys * dim, 0.23f);

  static std::vector<float> wave(crest::Index n, float step) {
    std::vector<float> x(n);
    for (crest::Index i = 0; i < n; ++i) x[i] = std::sin(step * static_cast<float>(i));
    return x;
  }
  crest::Problem<float> problem(std::vector<float>& o) const {
    o.assign(heads * dim, std::nanf(""));
    return {.q = {q.data(), {heads, 1, dim}},
            .k = {k.data(), {1, keys, dim}},
            .v = {v.data(), {1, keys, dim}},
            .o = {o.data(), {heads, 1, dim}}};
  }
};

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= 1e-5f)) return false;
  return true;
}

bool agree(const Case& c, const char* backend) {
  std::vector<float> o_baseline, o_wide;
  const auto problem = c.problem(o_baseline);
  const crest::Report a = baseline::attend(problem, backend), b = wide::attend(c.problem(o_wide), backend);
  return a.ok() && b.ok() && same(o_baseline, o_wide) && a.rows == Case::heads && a.bytes_read == b.bytes_read &&
         baseline::elements(problem.k) == wide::elements(problem.k);
}

}  // namespace

int main() {
  if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl")) return skipped;
  for (const crest::Backend& backend : crest::Backend::all()) {
    if (!backend.available() || agree(Case{}, backend.name())) continue;
    std::printf("backend %s differs between the two translation units\n", backend.name());
    return 1;
  }
  return 0;
}
