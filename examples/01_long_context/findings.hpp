// What the numbers say, in sentences. Every word that depends on a number follows it.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace demo {

/// Sentences of HTML on the layers of a trace.
std::string findings_exact(const std::vector<LayerResult>& layers);
std::string findings_clustered(const std::vector<LayerResult>& layers);
std::string findings_guided(const std::vector<LayerResult>& layers);
/// Who is in the contest, and on what terms.
std::string about_contest(const std::vector<LayerResult>& layers);
/// How much farther off every rival is than guided at the same bytes.
std::string findings_contest(const std::vector<LayerResult>& layers);
/// How predicted errors compare with true ones.
std::string findings_predictions(const std::vector<LayerResult>& layers);

}  // namespace demo
