#include "synthetic.hpp"

#include <algorithm>
#include <cmath>

#include "../common/toy.hpp"

namespace prompt {
namespace {

using crest::Index;
using Vector = std::vector<float>;

constexpr Index heads = 4, kv_heads = 2, group = heads / kv_heads, dim = 64, runs = 4, topic_keys = 256;

/// Numbers of mean 0 and variance 1.
Vector random_vector(demo::Noise& noise) {
  Vector x = noise.vector(dim);
  for (float& v : x) v *= std::sqrt(3.0f);
  return x;
}

void add(Vector& x, float factor, const Vector& more) {
  for (Index i = 0; i < dim; ++i) x[i] += factor * more[i];
}

/// Keys in a row that share a direction.
struct Run {
  Index first, last;
  Vector direction;
};

class KvHead {
 public:
  KvHead(Index keys, std::uint64_t seed) : keys_(keys), noise_(seed), aim_(random_vector(noise_)) {
    const Index length = std::max<Index>(8, keys / 512);
    for (Index i = 0; i < runs; ++i) {
      const double place = 0.5 + 0.5 * noise_();
      const auto first = static_cast<Index>(place * static_cast<double>(keys - length));
      runs_.push_back({first, first + length, random_vector(noise_)});
    }
  }

  void append_keys(std::vector<crest::f16>& all) {
    Vector from = random_vector(noise_), to = random_vector(noise_);
    for (Index key = 0; key < keys_; ++key) {
      const Index at = key % topic_keys;
      if (key > 0 && at == 0) from = to, to = random_vector(noise_);
      append(all, make_key(key, turned(from, to, static_cast<float>(at) / topic_keys)));
    }
  }
  void append_values(std::vector<crest::f16>& all) {
    const Vector mean = random_vector(noise_);
    for (Index key = 0; key < keys_; ++key) {
      Vector v = random_vector(noise_);
      add(v, 0.5f, mean);
      append(all, v);
    }
  }
  /// Queries of head number `head` of the group.
  void append_queries(std::vector<float>& all, Index head, Index queries) {
    Vector aim(dim);
    add(aim, 3.2f, aim_), add(aim, 2.4f, random_vector(noise_));
    add(aim, 1, runs_[head % runs].direction), add(aim, 1, runs_[(head + 1) % runs].direction);
    for (Index i = 0; i < queries; ++i) {
      Vector q = aim;
      add(q, 1.2f, random_vector(noise_));
      all.insert(all.end(), q.begin(), q.end());
    }
  }

 private:
  static void append(std::vector<crest::f16>& all, const Vector& x) {
    for (float v : x) all.push_back(crest::to_f16(v));
  }
  static Vector turned(const Vector& from, const Vector& to, float by) {
    Vector x(dim);
    add(x, 1 - by, from), add(x, by, to);
    return x;
  }
  Vector make_key(Index key, const Vector& topic) {
    Vector k(dim);
    add(k, 0.8f, topic), add(k, 0.55f, random_vector(noise_));
    for (const Run& run : runs_)
      if (key >= run.first && key < run.last) add(k, 0.5f, run.direction);
    return k;
  }

  Index keys_;
  demo::Noise noise_;
  Vector aim_;
  std::vector<Run> runs_;
};

}  // namespace

demo::Trace synthetic_prompt(Index keys, Index queries) {
  demo::Trace t;
  t.name = "synthetic prompt";
  t.keys = keys, t.heads = heads, t.kv_heads = kv_heads, t.head_dim = t.value_dim = dim;
  t.scale = 1 / std::sqrt(static_cast<float>(dim));
  for (Index i = 0; i < queries; ++i) t.positions.push_back(keys - queries + i);
  demo::Layer& layer = t.layers.emplace_back();
  for (Index h = 0; h < kv_heads; ++h) {
    KvHead head(keys, static_cast<std::uint64_t>(h) + 1);
    head.append_keys(layer.k), head.append_values(layer.v);
    for (Index i = 0; i < group; ++i) head.append_queries(layer.q, i, queries);
  }
  return t;
}

}  // namespace prompt
