// The results as one self-contained HTML page.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace bench {

/// `rows`: an array of the rows of crest and, when they were measured, of peers. `heading`: the machine, in words.
std::string page(const nlohmann::json& rows, const std::string& heading);

}  // namespace bench
