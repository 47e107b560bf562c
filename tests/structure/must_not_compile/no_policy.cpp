// Every part of a Recipe must be a policy of its kind.
#include "crest/policy/recipe.hpp"

struct KeepBest {
#if !defined(BROKEN)
  float floor(const crest::Scored&, crest::Index) const { return 0; }
#endif
};

auto recipe = crest::Recipe{crest::Stride{}, crest::Window{}, crest::Margin{}, KeepBest{}};
