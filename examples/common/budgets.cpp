#include "budgets.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace demo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* format = "crest-budgets-1";

[[noreturn]] void fail(const fs::path& file, const std::string& field, const std::string& what) {
  throw std::invalid_argument(file.filename().string() + ": " + field + ": " + what);
}

json read_object(const fs::path& file) {
  std::ifstream in(file);
  if (!in) fail(file, "file", "cannot be opened");
  json all = json::parse(in, nullptr, false);
  if (!all.is_object()) fail(file, "file", "is not a JSON object");
  if (all.value("format", json()) != format) fail(file, "format", std::string("is not \"") + format + '"');
  if (!all.contains("layers") || !all["layers"].is_array()) fail(file, "layers", "is not a list");
  return all;
}

LayerBudget read_layer(const json& entry, const fs::path& file) {
  const auto member = [&](const char* name) { return entry.is_object() ? entry.value(name, json()) : json(); };
  const json layer = member("layer"), budget = member("budget"), exact = member("exact");
  if (!layer.is_number_integer() || layer < 0 || layer > 9999) fail(file, "layer", "is " + layer.dump());
  if (!budget.is_number() || !(budget > 0 && budget <= 1))
    fail(file, "budget", "is " + budget.dump() + ", expected a number above 0, at most 1");
  if (!exact.is_boolean()) fail(file, "exact", "is " + exact.dump() + ", expected true or false");
  return {layer, budget, exact};
}

}  // namespace

const LayerBudget* Budgets::find(int layer) const {
  const auto at = std::find_if(layers.begin(), layers.end(), [&](const LayerBudget& b) { return b.layer == layer; });
  return at == layers.end() ? nullptr : &*at;
}

std::optional<crest::Guided> Budgets::tuned(int layer, crest::Guided recipe) const {
  const LayerBudget* own = find(layer);
  if (own && own->exact) return {};
  if (own) recipe.options.budget = static_cast<float>(own->budget);
  return recipe;
}

std::string Budgets::json() const {
  nlohmann::ordered_json all{{"format", format}, {"layers", nlohmann::ordered_json::array()}};
  for (const LayerBudget& b : layers)
    all["layers"].push_back({{"layer", b.layer}, {"budget", b.budget}, {"exact", b.exact}});
  return all.dump(1) + "\n";
}

Budgets read_budgets(const fs::path& file) {
  Budgets budgets;
  const json all = read_object(file);
  for (const json& entry : all["layers"]) {
    const LayerBudget one = read_layer(entry, file);
    if (budgets.find(one.layer)) fail(file, "layer", std::to_string(one.layer) + " is listed twice");
    budgets.layers.push_back(one);
  }
  return budgets;
}

}  // namespace demo
