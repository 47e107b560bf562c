// What the two translation units offer each other. Only types of crest::v0 appear here: their layout and their names
// do not depend on compiler flags.
#pragma once

#include "crest/crest.hpp"

namespace baseline {
crest::Report attend(const crest::Problem<float>& problem, const char* backend);
crest::Index elements(crest::TensorView<const float, 3> view);
}  // namespace baseline

namespace wide {
crest::Report attend(const crest::Problem<float>& problem, const char* backend);
crest::Index elements(crest::TensorView<const float, 3> view);
}  // namespace wide
