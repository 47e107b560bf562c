#include "rivals.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace prompt {
namespace {

constexpr Index tile_keys = 64, stride = 8;

/// Numbers of the scores, highest first.
std::vector<Index> ranked(const std::vector<double>& scores) {
  std::vector<Index> order(scores.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return scores[a] > scores[b]; });
  return order;
}

/// The certain keys, and as many of `order` as are allowed: the same for all queries.
Rule in_order(const QueryTile& tile, std::vector<Index> order) {
  std::erase_if(order, [&](Index key) { return tile.certain(key); });
  return [&tile, order = std::move(order)](Index query, Index keys) {
    std::vector<Index> chosen;
    for (Index key = 0; key <= tile.positions[query]; ++key)
      if (tile.certain(key)) chosen.push_back(key);
    const Index more = std::min(keys - tile.certain_keys(), std::ssize(order));
    chosen.insert(chosen.end(), order.begin(), order.begin() + std::max<Index>(0, more));
    return chosen;
  };
}

/// Whole key tiles, by their score.
Rule by_tile(const QueryTile& tile, const std::vector<double>& scores) {
  std::vector<Index> order;
  for (Index best : ranked(scores))
    for (Index key = best * tile_keys; key < std::min((best + 1) * tile_keys, tile.common()); ++key)
      order.push_back(key);
  return in_order(tile, std::move(order));
}

Index key_tiles(const QueryTile& tile) { return (tile.common() + tile_keys - 1) / tile_keys; }

/// The product of means is the mean of all products.
Rule pooled_tiles(const View& view) {
  const QueryTile& tile = view.tile;
  std::vector<double> scores;
  for (Index first = 0; first < tile.common(); first += tile_keys) {
    const Index last = std::min(first + tile_keys, tile.common());
    double sum = 0;
    for (const auto& row : tile.scores) sum = std::accumulate(row.begin() + first, row.begin() + last, sum);
    scores.push_back(sum / static_cast<double>(last - first));
  }
  return by_tile(tile, scores);
}

/// Mean scores of the antidiagonals of some `stride` queries and every `stride` keys.
std::vector<double> antidiagonals(const QueryTile& tile, Index query) {
  std::vector<double> means;
  for (Index key = 0; key + stride <= tile.common(); key += stride) {
    double sum = 0;
    for (Index i = 0; i < stride; ++i) sum += tile.scores[query + i][key + stride - 1 - i];
    means.push_back(sum / stride);
  }
  return means;
}

void add_softmax(const std::vector<double>& scores, std::vector<double>& sums) {
  std::vector<double> weights;
  const double most = *std::max_element(scores.begin(), scores.end());
  for (double s : scores) weights.push_back(std::exp(s - most));
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) sums[i * stride / tile_keys] += weights[i] / total;
}

Rule antidiagonal_tiles(const View& view) {
  std::vector<double> sums(key_tiles(view.tile));
  for (Index query = 0; query + stride <= view.tile.queries() && view.tile.common() >= stride; query += stride)
    add_softmax(antidiagonals(view.tile, query), sums);
  return by_tile(view.tile, sums);
}

/// Key of a line for a query at `position`; before the first key: none.
Index key_of(const Line& line, Index position) { return line.vertical ? line.at : position - line.at; }

Rule vertical_slash(const View& view) {
  return [&view](Index query, Index keys) {
    const QueryTile& tile = view.tile;
    const Index position = tile.positions[query];
    std::vector<Index> chosen = in_order(tile, {})(query, 0);
    std::vector<bool> taken(position + 1);
    Index left = keys - tile.certain_keys();
    for (std::size_t i = 0; i < view.lines.size() && left > 0; ++i) {
      const Index key = key_of(view.lines[i], position);
      if (key < 0 || key > position || tile.certain(key) || taken[key]) continue;
      taken[key] = true, --left;
      chosen.push_back(key);
    }
    return chosen;
  };
}

Rule recent_keys(const View& view) {
  std::vector<Index> order(view.tile.common());
  std::iota(order.rbegin(), order.rend(), Index{0});
  return in_order(view.tile, std::move(order));
}

/// The softmax mass of every key that all queries see, summed over them.
std::vector<double> masses(const QueryTile& tile) {
  std::vector<double> mass(tile.common());
  for (Index query = 0; query < tile.queries(); ++query)
    for (Index key = 0; key < tile.common(); ++key) mass[key] += tile.weight(query, key);
  return mass;
}

Rule heaviest_tiles(const View& view) {
  const std::vector<double> mass = masses(view.tile);
  std::vector<double> sums(key_tiles(view.tile));
  for (std::size_t key = 0; key < mass.size(); ++key) sums[key / tile_keys] += mass[key];
  return by_tile(view.tile, sums);
}

Rule heaviest_keys(const View& view) { return in_order(view.tile, ranked(masses(view.tile))); }

}  // namespace

Lines lines_of(const QueryTile& last) {
  std::vector<double> columns(last.seen()), diagonals(last.seen());
  for (Index query = 0; query < last.queries(); ++query)
    for (Index key = 0; key <= last.positions[query]; ++key) {
      const double w = last.weight(query, key);
      columns[key] += w;
      diagonals[last.positions[query] - key] += w;
    }
  const std::vector<Index> keys = ranked(columns), distances = ranked(diagonals);
  Lines lines;
  for (Index i = 0; i < last.seen(); ++i) {
    lines.push_back({true, keys[i]});
    if (i % 3 == 2) lines.push_back({false, distances[i / 3]});
  }
  return lines;
}

const std::vector<Rival>& rivals() {
  static const std::vector<Rival> all{
      {"pooled blocks", false, pooled_tiles},        {"antidiagonal sums", false, antidiagonal_tiles},
      {"vertical and slash", false, vertical_slash}, {"sinks and recent", false, recent_keys},
      {"best tiles (oracle)", true, heaviest_tiles}, {"best keys (oracle)", true, heaviest_keys}};
  return all;
}

}  // namespace prompt
