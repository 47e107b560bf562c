#include "options.hpp"

#include <charconv>
#include <map>
#include <sstream>
#include <stdexcept>

namespace plugin {
namespace {

template <class Number>
Number number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) throw std::invalid_argument("is not a number");
  return value;
}

Layers layers(std::string_view text) {
  Layers chosen;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    chosen.numbers.push_back(number<int>(text.substr(at, end - at)));
    at = end + 1;
  }
  return chosen;
}

crest::Backend backend(std::string_view name) {
  const crest::Backend named = crest::Backend::named(name);
  if (!named.available()) throw std::invalid_argument("is no backend of this machine");
  return named;
}

/// Those of prompts, which are approximate from now on.
crest::SparseOptions& prompts(Options& o) {
  if (!o.prompts) o.prompts.emplace();
  return *o.prompts;
}

using Setter = void (*)(Options&, std::string_view value);

const std::map<std::string_view, Setter> setters{
    {"off", [](Options& o, std::string_view) { o.recipe = Recipe::off; }},
    {"exact", [](Options& o, std::string_view) { o.recipe = Recipe::exact; }},
    {"guided", [](Options& o, std::string_view) { o.recipe = Recipe::guided; }},
    {"budget", [](Options& o, std::string_view v) { o.guided.budget = number<float>(v); }},
    {"target_error", [](Options& o, std::string_view v) { o.guided.target_error = number<float>(v); }},
    {"seed", [](Options& o, std::string_view v) { o.guided.seed = number<std::uint64_t>(v); }},
    {"keep_first", [](Options& o, std::string_view v) { o.guided.keep_first = number<crest::Index>(v); }},
    {"keep_last", [](Options& o, std::string_view v) { o.guided.keep_last = number<crest::Index>(v); }},
    {"bits", [](Options& o, std::string_view v) { o.sketch.bits = number<int>(v); }},
    {"rows", [](Options& o, std::string_view v) { o.rows = number<int>(v) != 0; }},
    {"exact_layers", [](Options& o, std::string_view v) { o.exact_layers = layers(v); }},
    {"budgets", [](Options& o, std::string_view v) { o.budgets = demo::read_budgets(v); }},
    {"guided_queries", [](Options& o, std::string_view v) { o.guided_queries = number<crest::Index>(v); }},
    {"prompt_budget", [](Options& o, std::string_view v) { prompts(o).budget = number<float>(v); }},
    {"prompt_target_error", [](Options& o, std::string_view v) { prompts(o).target_error = number<float>(v); }},
    {"backend", [](Options& o, std::string_view v) { o.backend = backend(v); }},
    {"statistics", [](Options& o, std::string_view v) { o.statistics = v; }},
    {"capture", [](Options& o, std::string_view v) { o.capture.folder = v; }},
    {"capture_layers", [](Options& o, std::string_view v) { o.capture.layers = layers(v); }},
    {"capture_keys", [](Options& o, std::string_view v) { o.capture.keys = number<crest::Index>(v); }},
};

void check(const Options& o) {
  const crest::Status guided = crest::guided.with(o.guided).check();
  if (guided != crest::Status::ok) throw std::invalid_argument(to_string(guided));
  const crest::Status sparse = crest::sparse.with(o.prompts.value_or(crest::SparseOptions{})).check();
  if (sparse != crest::Status::ok) throw std::invalid_argument(to_string(sparse));
  if (o.sketch.bits != 1 && o.sketch.bits != 2 && o.sketch.bits != 4)
    throw std::invalid_argument("bits must be 1, 2 or 4");
  if (!o.capture.folder.empty() && o.capture.keys < 1) throw std::invalid_argument("capture_keys must be positive");
}

}  // namespace

std::optional<crest::Guided> Options::guided_on(int layer) const {
  if (exact_layers.contains(layer)) return {};
  return budgets.tuned(layer, crest::guided.with(guided));
}

Options parse_options(std::string_view words, const char* budgets) {
  Options options;
  if (budgets) options.budgets = demo::read_budgets(budgets);
  std::istringstream in{std::string(words)};
  for (std::string word; in >> word;) {
    const std::size_t sign = std::min(word.find('='), word.size());
    const auto setter = setters.find(std::string_view(word).substr(0, sign));
    if (setter == setters.end()) throw std::invalid_argument("unknown word '" + word + "'");
    try {
      setter->second(options, std::string_view(word).substr(std::min(sign + 1, word.size())));
    } catch (const std::invalid_argument& bad) {
      throw std::invalid_argument("'" + word + "' " + bad.what());
    }
  }
  check(options);
  return options;
}

}  // namespace plugin
