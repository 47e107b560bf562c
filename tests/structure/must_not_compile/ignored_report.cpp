// A Report carries the error; it must not be dropped.
#include "crest/crest.hpp"

#if defined(BROKEN)
void call(const crest::Problem<float>& problem) { crest::attention(problem); }
#else
bool call(const crest::Problem<float>& problem) { return crest::attention(problem).ok(); }
#endif
