// The third argument of attention is an executor.
#include "crest/crest.hpp"

#if defined(BROKEN)
using Third = int;
#else
using Third = crest::Serial;
#endif

bool call(const crest::Problem<float>& problem, Third& third) {
  return crest::attention(problem, crest::exact, third).ok();
}
