// One of the kernels that support/kernels.hpp lists: of CREST_TEST_RECIPE on caches of CREST_TEST_ELEMENT.
#include "support/kernels.hpp"

template struct crest::TaskKernels<CREST_TEST_ELEMENT, CREST_TEST_RECIPE>;
