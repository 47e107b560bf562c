// What one writes first: per query head a pass over K, a softmax, a pass over V. Compiled for the same instruction set
// as the backend beside it, with vector reductions and the hardware's f16 conversion.
#pragma once

#include <crest/attention.hpp>

#include "cases.hpp"

namespace bench {

/// o of one query head; `scores` holds one float per key.
template <class T>
void textbook_row(const crest::Problem<T>&, Index head, float* scores, crest::Backend backend);

}  // namespace bench
