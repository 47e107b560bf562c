// The library works without exceptions and RTTI. Two equal keys: the output is the mean of their values.
#include "crest/crest.hpp"

int main() {
  const float q[] = {1}, k[] = {2, 2}, v[] = {10, 20};
  float o[] = {0};
  const crest::Problem<float> problem{
      .q = {q, {1, 1, 1}}, .k = {k, {1, 2, 1}}, .v = {v, {1, 2, 1}}, .o = {o, {1, 1, 1}}};
  for (const auto& report : {crest::attention(problem), crest::attention(problem, crest::clustered)})
    if (!report.ok() || !(o[0] > 14.999f && o[0] < 15.001f)) return 1;
  return 0;
}
