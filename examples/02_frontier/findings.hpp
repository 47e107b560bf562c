// What the figures show, in sentences. Every word that depends on a number follows it.
#pragma once

#include <string>

#include "report.hpp"

namespace frontier {

/// Share of the bytes within which methods are compared in words.
inline constexpr double fair_share = 0.12;

std::string about_trace(const Report& report);
std::string frontier_finding(const Report& report);
std::string layers_finding(const Report& report);
std::string calibration_finding(const Report& report);
std::string neighbours_finding(const Report& report, Neighbours::Size size);
std::string smoothness_finding(const Report& report);
std::string mass_finding(const Report& report);
std::string race_finding(const Report& report);
std::string budgets_finding(const Report& report);
/// Empty when there were no walks.
std::string walks_finding(const Report& report);

}  // namespace frontier
