// What the experiments found, as tables, figures and a page.
#pragma once

#include "../common/web_page.hpp"
#include "sampling.hpp"
#include "speed.hpp"

namespace study {

struct Findings {
  History plain;  ///< A = I, two dimensions
  std::vector<Census> census;
  std::vector<double> growth;
  std::vector<Sensitivity> sensitivities;
  std::vector<Cooled> cooled;
  std::vector<Sampling> samplings;
  std::vector<Speed> speeds;
};

std::vector<demo::Cells> table(const std::vector<Census>& census);
std::vector<demo::Cells> table(const std::vector<Sensitivity>& sensitivities);
std::vector<demo::Cells> table(const std::vector<Cooled>& cooled);
std::vector<demo::Cells> table(const std::vector<Sampling>& samplings);
std::vector<demo::Cells> table(const std::vector<Speed>& speeds);

/// Tokens on their way, in motion.
std::string moving_figure(const History& history);
/// Four moments of the same.
std::string moments_figure(const History& history);
std::string growth_figure(const std::vector<double>& growth, double alpha);
std::string cooling_figure(const std::vector<Cooled>& cooled);

demo::WebPage page(const Findings& findings);

}  // namespace study
