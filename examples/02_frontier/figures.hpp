// The figures of the page, as SVG.
#pragma once

#include <string>

#include "report.hpp"

namespace frontier {

/// Rules for the classes that the figures use.
extern const char* const figure_style;

/// Mean error against bytes read, a line for each family: all layers in one frame, or a frame for each.
std::string frontier_figure(const Report& report);
std::string layers_figure(const Report& report);

/// True against predicted error of rows, a frame for each family that predicts.
std::string calibration_figure(const Report& report);

/// Shares of rows whose maximum has a near and nearly equal neighbour: layers down, distances across.
std::string neighbours_figure(const Report& report, Neighbours::Size size);

/// Softmax mass of the keys used: contenders down, layers across.
std::string mass_figure(const Report& report);

/// Steps from key to key on each layer; what samples miss, and the bound on it, for every stride.
std::string smoothness_figure(const Report& report);

/// The suggested budget of each layer.
std::string budgets_figure(const Report& report);

/// The smallest error within a share of the bytes against the roughness of the walks.
std::string walks_figure(const Report& report, double most_bytes);

}  // namespace frontier
