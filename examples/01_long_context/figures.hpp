// The figures of the report, as SVG.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace demo {

/// Mean error against bytes read, a frame for each layer, a line for each method; what is exact is left out.
std::string error_figure(const std::vector<LayerResult>& layers);

/// True error of each row against the one its recipe predicted, a frame for each layer; empty when none did.
std::string prediction_figure(const std::vector<LayerResult>& layers);

/// Scores along the keys of one row with sampled, refined and kept keys, and the softmax mass as it adds up.
std::string portrait_figure(const LayerResult& layer, const Portrait& portrait);

}  // namespace demo
