// Small made-up problems for the examples, and how their results are checked.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <span>
#include <vector>

#include "crest/crest.hpp"

namespace demo {

/// Reproducible numbers in -1..1 (a 64-bit linear congruential generator).
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed) {}

  float operator()() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<std::int32_t>(state_ >> 32)) * 0x1p-31f;
  }
  std::vector<float> vector(crest::Index n) {
    std::vector<float> v(n);
    for (float& x : v) x = (*this)();
    return v;
  }

 private:
  std::uint64_t state_;
};

struct ToyShape {
  crest::Index heads = 4, kv_heads = 2, queries = 1, keys = 1000, head_dim = 64;
};

/// A problem that owns its memory.
struct Toy {
  ToyShape shape;
  std::vector<float> q, k, v, o, lse;

  explicit Toy(const ToyShape& s, std::uint64_t seed = 1) : shape(s) {
    Noise noise(seed);
    q = noise.vector(s.heads * s.queries * s.head_dim);
    k = noise.vector(s.kv_heads * s.keys * s.head_dim);
    v = noise.vector(s.kv_heads * s.keys * s.head_dim);
    o.resize(q.size());
    lse.resize(s.heads * s.queries);
    for (float& x : q) x *= 4;  // some keys shall matter more than others
  }

  crest::Problem<float> problem() {
    const auto [heads, kv_heads, queries, keys, d] = shape;
    return {.q = {q.data(), {heads, queries, d}},
            .k = {k.data(), {kv_heads, keys, d}},
            .v = {v.data(), {kv_heads, keys, d}},
            .o = {o.data(), {heads, queries, d}},
            .lse = {lse.data(), {heads, queries}}};
  }
};

/// |a - b| / |b|; NaN when a holds one, so check it with `error <= tolerance`.
inline double relative_error(std::span<const float> a, std::span<const float> b) {
  double off = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    off += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += double{b[i]} * b[i];
  }
  return std::sqrt(off / norm);
}

/// Prints a checked fact; returns it.
inline bool check(bool good, const char* fact) {
  std::printf("%s: %s\n", good ? "ok" : "WRONG", fact);
  return good;
}

}  // namespace demo
