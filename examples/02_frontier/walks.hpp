// Keys that are smooth: slow random walks on a sphere, as sampled signals would be rather than words.
#pragma once

#include "../common/trace.hpp"
#include "study.hpp"

namespace frontier {

/// Walks of several roughnesses, one as each layer. A key is the key before, turned by a random angle of about
/// `roughness` radians; queries point at one key of the walk each; values are noise, the same everywhere.
struct Walks {
  std::vector<double> roughness;
  demo::Trace trace;
};

Walks make_walks();

/// Of one contender family: the smallest error among its settings that read at most `most` of the bytes.
struct Best {
  std::size_t contender = 0;
  double error = 0, share = 0;
};

struct FamilyBest {
  std::string family;
  std::vector<std::optional<Best>> at;  ///< one per layer; none where all settings read more
};

std::vector<FamilyBest> best_within(const std::vector<LayerStudy>& layers, const std::vector<Contender>& contenders,
                                    double most);

}  // namespace frontier
