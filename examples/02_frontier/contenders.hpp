// Who is compared with whom.
#pragma once

#include <vector>

#include "contender.hpp"

namespace frontier {

/// The methods of the page; the first is exact.
std::vector<Contender> contenders();

/// The same recipes with one softmax policy or another.
std::vector<Contender> softmax_policies();

}  // namespace frontier
