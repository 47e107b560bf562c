// Everything that was found, for the page and for the file of numbers.
#pragma once

#include <string>
#include <vector>

#include "../common/web_page.hpp"
#include "race.hpp"
#include "suggestion.hpp"
#include "walks.hpp"

namespace frontier {

struct Report {
  demo::Trace trace;  ///< as it was studied
  std::vector<Contender> contenders{};
  std::vector<LayerStudy> layers{};
  LayerStudy all{};  ///< of all layers
  std::vector<Runner> runners{};
  Suggestion suggestion{};
  Walks walks{};
  std::vector<LayerStudy> walk_layers{};

  /// The names of the contenders' families, in order.
  std::vector<std::string> families() const;
  /// Number of the contender of that name. Throws std::logic_error when there is none.
  std::size_t index(const std::string& name) const;
};

/// As one HTML file: no scripts, no other files, nothing from the network.
demo::WebPage page(const Report& report);

/// All numbers as JSON; docs/laboratory.md says what is what.
std::string numbers(const Report& report);

/// The contenders over all layers, as a table.
std::vector<demo::Cells> summary(const Report& report);

}  // namespace frontier
