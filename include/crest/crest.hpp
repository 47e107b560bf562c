// Everything of crest that needs the standard library alone. Threads: crest/executors.hpp. Eigen: crest/eigen.hpp.
#pragma once

#include "crest/attention.hpp"
#include "crest/cascade.hpp"
#include "crest/core/range_list.hpp"
#include "crest/core/softmax_state.hpp"
