#include "tile.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace prompt {

std::vector<TilePlace> tiles_of(const demo::Trace& trace) {
  std::vector<TilePlace> tiles;
  for (Index head = 0; head < trace.heads; ++head)
    for (Index first = 0; first < trace.queries(); first += tile_queries)
      tiles.push_back({head, first, std::min(first + tile_queries, trace.queries())});
  return tiles;
}

QueryTile::QueryTile(const demo::PlainLayer& layer, const TilePlace& place) : head(place.head) {
  const std::vector<Index>& at = layer.trace().positions;
  positions.assign(at.begin() + place.first, at.begin() + place.last);
  std::vector<Index> all(seen());
  std::iota(all.begin(), all.end(), Index{0});
  for (Index i = 0; i < queries(); ++i) {
    const auto visible = std::span(all).first(positions[i] + 1);
    scores.push_back(layer.scores(head, place.first + i, visible));
    exact.push_back(layer.weigh(head, visible, scores.back()));
  }
}

Index QueryTile::certain_keys() const {
  const Index behind = std::max<Index>(0, common() - keep_last);
  return std::min(keep_first, behind) + seen() - behind;
}

Index QueryTile::allowed(double share) const {
  const double budget = std::max(share * static_cast<double>(seen()), static_cast<double>(certain_keys() + 16));
  return std::min(seen(), static_cast<Index>(std::lround(budget)));
}

double QueryTile::weight(Index query, Index key) const { return std::exp(scores[query][key] - exact[query].lse); }

}  // namespace prompt
