// A user of the installed package: attention over a single key returns its value.
#include <crest/crest.hpp>

int main() {
  static_assert(CREST_VERSION == EXPECTED_VERSION);
  const float q[] = {1}, k[] = {2}, v[] = {3};
  float o[] = {0};
  const crest::Problem<float> problem{
      .q = {q, {1, 1, 1}}, .k = {k, {1, 1, 1}}, .v = {v, {1, 1, 1}}, .o = {o, {1, 1, 1}}};
  return crest::attention(problem).ok() && o[0] == 3 ? 0 : 1;
}
