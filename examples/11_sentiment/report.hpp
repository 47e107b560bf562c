// What the example found, as tables and as a page.
#pragma once

#include <string>
#include <vector>

#include "../common/web_page.hpp"
#include "insight.hpp"

namespace sentiment {

/// Held-out accuracy of the models of one width, one per seed.
struct Width {
  int d = 0;
  std::vector<double> accuracy{};
  double alpha = 0;    ///< learnt, mean
  double leaders = 0;  ///< share of words that lead in the end, mean

  double mean() const;
};

struct Findings {
  std::vector<Width> widths;
  Model flat;  ///< d = 2, to be drawn
  Reviews reviews;
};

std::vector<demo::Cells> accuracy_table(const std::vector<Width>& widths);
std::vector<demo::Cells> leader_table(const std::vector<LeaderWord>& words);

/// Accuracy against width.
std::string accuracy_figure(const std::vector<Width>& widths);
/// The tokens of one review, layer by layer.
std::string path_figure(const Model& flat, const Reviews& reviews, const Review& review);

demo::WebPage page(const Findings& findings);

}  // namespace sentiment
