// Other rules which keys a tile of queries attends to, at equal numbers of keys. Plain code, for their errors only.
// All use what `sparse` always uses, the first keys and the last ones before the tile and within it, and a softmax over
// the chosen keys.
//
// Sources: pooled blocks and vertical and slash lines as in MInference (Jiang et al. 2024), antidiagonal sums as in
// XAttention (Xu et al. 2025), sinks and a recent window as in StreamingLLM (Xiao et al. 2023).
#pragma once

#include <functional>

#include "tile.hpp"

namespace prompt {

/// The keys that a query of the tile attends to where `keys` are allowed for the tile; those before it only.
using Rule = std::function<std::vector<Index>(Index query, Index keys)>;

/// Keys all queries look at, or keys at the same distance before each.
struct Line {
  bool vertical;
  Index at;  ///< the key, or the distance
};

/// What the last queries of a prompt looked at, most mass first: of one head. Three columns to each diagonal, which of
/// the mixes 0:1, 1:3, 1:1, 3:1 and 1:0 is among the two closest at every share on recorded heads.
using Lines = std::vector<Line>;
inline constexpr Index line_queries = 64;
Lines lines_of(const QueryTile& last);

/// What a rule may look at.
struct View {
  const QueryTile& tile;
  const Lines& lines;
};

struct Rival {
  const char* name;
  bool oracle;  ///< knows what no method can know without computing everything
  Rule (*rule)(const View&);
};

/// Key tiles have 64 keys. By name: the product of the mean query and a key tile's mean key; sums of antidiagonals of 8
/// queries and 8 keys, through a softmax; columns and diagonals of the last 64 queries; the most recent keys; key tiles
/// by their true mass; keys by theirs.
const std::vector<Rival>& rivals();

}  // namespace prompt
