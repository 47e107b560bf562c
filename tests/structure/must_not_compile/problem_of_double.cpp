// Caches hold float, f16 or bf16.
#include "crest/crest.hpp"

#if defined(BROKEN)
using Element = double;
#else
using Element = crest::bf16;
#endif

bool call(const crest::Problem<Element>& problem) { return crest::attention(problem).ok(); }
