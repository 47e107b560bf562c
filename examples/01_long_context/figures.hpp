// The figures of the report, as SVG.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace demo {

/// Error against bytes read, all recipes and layers, both axes logarithmic.
std::string error_figure(const std::vector<LayerResult>& layers);

/// Scores along the keys of one row with sampled, refined and kept keys, and the softmax mass as it adds up.
std::string portrait_figure(const LayerResult& layer, const Portrait& portrait);

/// A CSS colour for a layer: light for the first, dark for the last.
std::string layer_colour(std::size_t index, std::size_t layers);

}  // namespace demo
