#include "walks.hpp"

#include <algorithm>
#include <cmath>

#include "../common/toy.hpp"

namespace frontier {
namespace {

constexpr Index keys = 8192, heads = 4, kv_heads = 2, dim = 64, positions = 24;
/// Nats by which the key that a query points at stands above keys at a right angle.
constexpr float peak = 24;

/// Of a sphere.
using Direction = std::vector<float>;

float norm(const Direction& x) {
  float sum = 0;
  for (float v : x) sum += v * v;
  return std::sqrt(sum);
}

Direction random_direction(demo::Noise& noise) {
  Direction x = noise.vector(dim);
  const float length = norm(x);
  for (float& v : x) v /= length;
  return x;
}

/// `from`, moved by `by` towards `to` and brought back to the sphere.
Direction turned(const Direction& from, const Direction& to, float by) {
  Direction x(dim);
  for (Index i = 0; i < dim; ++i) x[i] = from[i] + by * to[i];
  const float length = norm(x);
  for (float& v : x) v /= length;
  return x;
}

std::vector<Direction> walk(demo::Noise& noise, double roughness) {
  std::vector<Direction> way{random_direction(noise)};
  while (std::ssize(way) < keys)
    way.push_back(turned(way.back(), random_direction(noise), static_cast<float>(roughness)));
  return way;
}

void append(std::vector<crest::f16>& all, const Direction& x) {
  for (float v : x) all.push_back(crest::to_f16(v));
}

/// Points at a key that is neither a first nor a recent one, roughly.
void append_query(demo::Layer& layer, const std::vector<Direction>& way, Index position, demo::Noise& noise) {
  const auto key = static_cast<Index>((0.55 + 0.4 * noise()) * static_cast<double>(position));
  for (float v : turned(way[key], random_direction(noise), 0.2f)) layer.q.push_back(peak * v);
}

demo::Layer make_layer(int number, double roughness, const std::vector<Index>& at) {
  demo::Noise noise(static_cast<std::uint64_t>(number) + 1);
  demo::Layer layer{.number = number, .q = {}, .k = {}, .v = {}};
  for (Index kv_head = 0; kv_head < kv_heads; ++kv_head) {
    const std::vector<Direction> way = walk(noise, roughness);
    for (const Direction& key : way) append(layer.k, key);
    for (Index head = 0; head < heads / kv_heads; ++head)
      for (Index position : at) append_query(layer, way, position, noise);
    for (Index i = 0; i < keys; ++i) append(layer.v, noise.vector(dim));
  }
  return layer;
}

}  // namespace

Walks make_walks() {
  Walks walks{.roughness = {0.02, 0.03, 0.045, 0.065, 0.1, 0.15, 0.22, 0.33, 0.5, 0.75, 1.1, 2}, .trace = {}};
  demo::Trace& t = walks.trace;
  t.name = "random walks";
  t.keys = keys, t.heads = heads, t.kv_heads = kv_heads, t.head_dim = t.value_dim = dim;
  t.scale = 1;
  for (Index i = 0; i < positions; ++i) t.positions.push_back(keys - 1 - (positions - 1 - i) * 61);
  for (double roughness : walks.roughness)
    t.layers.push_back(make_layer(static_cast<int>(t.layers.size()), roughness, t.positions));
  return walks;
}

namespace {

/// The better of `best` and what a contender came to on a layer.
std::optional<Best> better(std::optional<Best> best, const Outcome& outcome, std::size_t contender, double most) {
  if (outcome.share() > most || (best && best->error <= outcome.error())) return best;
  return Best{contender, outcome.error(), outcome.share()};
}

}  // namespace

std::vector<FamilyBest> best_within(const std::vector<LayerStudy>& layers, const std::vector<Contender>& contenders,
                                    double most) {
  std::vector<FamilyBest> all;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    if (all.empty() || all.back().family != contenders[i].label.family)
      all.push_back({contenders[i].label.family, std::vector<std::optional<Best>>(layers.size())});
    for (std::size_t layer = 0; layer < layers.size(); ++layer)
      all.back().at[layer] = better(all.back().at[layer], layers[layer].outcomes[i], i, most);
  }
  return all;
}

}  // namespace frontier
