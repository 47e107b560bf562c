// The report as one HTML file: no scripts, no other files, nothing from the network.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace demo {

std::string page(const Trace& trace, const std::vector<LayerResult>& layers, const std::string& backend, int threads);

}  // namespace demo
