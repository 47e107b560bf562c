// One decode step, to be watched by loads_test: says where K and V lie, attends, says what the Report says. The inputs
// are plain numbers, because every instruction on the way costs the simulator a line of text.
//   loads_program exact|clustered
#include <cstdio>
#include <string_view>

#include "crest/attention.hpp"

namespace {

using crest::f16;
using crest::Index;

// So many keys that the rows which fill a block up, copies of its last, hardly count: at most 15 a round of looking.
constexpr Index heads = 4, keys = 3200, head_dim = 64, value_dim = 32;

/// Zero-initialised values are numbers too: every score is 0, unless its key is set here.
alignas(64) f16 k[keys * head_dim], v[keys * value_dim];
float q[heads * head_dim], o[heads * value_dim];

template <class R>
int decode(const R& recipe) {
  for (Index h = 0; h < heads; ++h) q[h * head_dim] = 1;
  for (Index j = 0; j < keys; ++j) k[j * head_dim] = crest::to_f16(j % 800 < 240 ? 40.0f : 0.0f);
  const crest::Problem<f16> problem{.q = {q, {heads, 1, head_dim}},
                                    .k = {k, {1, keys, head_dim}},
                                    .v = {v, {1, keys, value_dim}},
                                    .o = {o, {heads, 1, value_dim}},
                                    .scale = 1};
  std::printf("k %p %p\nv %p %p\n", static_cast<void*>(k), static_cast<void*>(k + keys * head_dim),
              static_cast<void*>(v), static_cast<void*>(v + keys * value_dim));
  std::fflush(stdout);
  const crest::Report report = crest::attention(problem, recipe);
  std::printf("read %llu\n", static_cast<unsigned long long>(report.bytes_read));
  return report.ok() ? 0 : 1;
}

}  // namespace

int main(int, char** arguments) {
  return std::string_view(arguments[1]) == "exact" ? decode(crest::exact) : decode(crest::clustered);
}
