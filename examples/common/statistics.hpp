// Means and quantiles.
#pragma once

#include <vector>

#include "crest/core/view.hpp"

namespace demo {

/// NaN of none.
double mean(const std::vector<double>& values);
/// Index of the one that lies at `quantile` (0..1) of all values in ascending order; the first of equal ones.
crest::Index row_at(const std::vector<double>& values, double quantile);
/// The value there; NaN of none.
double value_at(const std::vector<double>& values, double quantile);

}  // namespace demo
