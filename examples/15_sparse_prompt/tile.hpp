// Neighbouring queries of one head that choose their keys together, and what is known of them all.
#pragma once

#include <vector>

#include "../common/oracle.hpp"

namespace prompt {

using crest::Index;

/// As `sparse` cuts prompts, and what it always uses.
inline constexpr Index tile_queries = 60, keep_first = 4, keep_last = 64;

/// Which queries of which head.
struct TilePlace {
  Index head, first, last;
};

/// All tiles of a trace's queries.
std::vector<TilePlace> tiles_of(const demo::Trace& trace);

struct QueryTile {
  Index head = 0;
  std::vector<Index> positions{};           ///< of its queries
  std::vector<std::vector<double>> scores;  ///< of every query and all keys that it sees, nats
  std::vector<demo::OracleRow> exact{};     ///< the queries' answers

  QueryTile(const demo::PlainLayer& layer, const TilePlace& place);

  Index queries() const { return std::ssize(positions); }
  /// Keys that all queries see, and that any of them sees.
  Index common() const { return positions.front() + 1; }
  Index seen() const { return positions.back() + 1; }

  /// Used by all queries that see it: the first keys, the last ones before the tile, and those within it.
  bool certain(Index key) const { return key < keep_first || key >= common() - keep_last; }
  Index certain_keys() const;
  /// Keys that a budget of `share` comes to.
  Index allowed(double share) const;

  /// Share of the softmax mass of `key`, 0..1.
  double weight(Index query, Index key) const;
};

}  // namespace prompt
