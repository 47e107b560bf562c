// What the plugin is told: the words of the environment variable CREST_LLAMA, or of configure().
//
//   CREST_LLAMA="guided budget=0.1 exact_layers=0,1 statistics=-"
//
// and the file of budgets that CREST_BUDGETS names.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../common/budgets.hpp"
#include "crest/crest.hpp"

namespace plugin {

/// Which attention nodes a recipe is for.
enum class Recipe {
  off,     ///< none: everything is left to ggml
  exact,   ///< all that crest supports
  guided,  ///< the same, with guided where it may pay
};

/// Numbers of layers.
struct Layers {
  std::vector<int> numbers;

  bool contains(int layer) const { return std::find(numbers.begin(), numbers.end(), layer) != numbers.end(); }
};

/// Which layers to write as a trace, and when: once `keys` tokens are in the cache. See capture.hpp.
struct CaptureOptions {
  std::string folder;
  Layers layers;
  crest::Index keys = 8192;
};

struct Options {
  Recipe recipe = Recipe::exact;
  crest::GuidedOptions guided{};
  crest::SketchOptions sketch{};
  bool rows = true;                             ///< keep rotated 8-bit rows beside the cache, for guided
  std::optional<crest::SparseOptions> prompts;  ///< sparse for prompts; without: exact
  Layers exact_layers;                          ///< these layers stay exact
  demo::Budgets budgets;                        ///< of layers, in place of guided.budget
  crest::Index guided_queries = 4;              ///< more queries at once are done exactly
  crest::Backend backend = crest::Backend::best();
  std::string statistics;  ///< where to write them at the end: a file, or "-" for standard error
  CaptureOptions capture;

  /// What guides a layer; none where it stays exact.
  std::optional<crest::Guided> guided_on(int layer) const;
};

/// Reads options from words separated by blanks, and budgets from a file, unless that is null or a word names another.
/// Throws std::invalid_argument, which names the word, or the file and its field.
Options parse_options(std::string_view words, const char* budgets = nullptr);

}  // namespace plugin
