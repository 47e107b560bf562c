// Rows of peers, as bench/peers writes them, in words.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace bench {

/// For each peer and type: how much faster crest was over all cases, and both errors. Peers that could not be measured
/// are named with the reason. Empty without peers.
std::string peer_summary(const nlohmann::json& rows);

}  // namespace bench
