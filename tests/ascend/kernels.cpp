// The kernels as CANN compiles them: C++17, one include, one translation unit.
#include "crest/ascend/kernels.h"
