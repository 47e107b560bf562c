// Deterministic inputs of a decode step: the same bytes in every program and on every machine.
#pragma once

#include <vector>

#include "cases.hpp"
#include "pages.hpp"

namespace bench {

template <class T>
T as_type(float x) {
  if constexpr (std::is_same_v<T, f16>)
    return crest::to_f16(x);
  else if constexpr (std::is_same_v<T, bf16>)
    return crest::to_bf16(x);
  else
    return x;
}

/// Roughly normal queries, [heads, head_dim]. `near`: they point at the plateaus of their KV head's keys.
std::vector<float> make_queries(const Shape&, bool near);

/// Roughly normal keys, [kv_heads, keys, head_dim]; two runs of 48 keys of each KV head are one direction plus noise of
/// 0.3: the smooth plateaus that sampling in position needs. Queries that are not `near` do not notice them.
template <class T>
void fill_keys(const Shape&, T* k);

/// Roughly normal values, [kv_heads, keys, head_dim].
template <class T>
void fill_values(const Shape&, T* v);

/// Queries as numbers that T can hold, so that a peer which takes them as T computes the same thing.
template <class T>
std::vector<float> rounded(std::vector<float> queries) {
  for (float& x : queries) x = crest::to_float(as_type<T>(x));
  return queries;
}

/// Memory for K and V.
template <class T>
struct Cache {
  explicit Cache(const Shape& s) : shape(s), k(s.kv_elements() * sizeof(T)), v(s.kv_elements() * sizeof(T)) {}

  crest::Problem<T> problem(const std::vector<float>& queries, std::vector<float>& out) const {
    const std::array<Index, 3> cache{shape.kv_heads, shape.keys, shape.head_dim}, row{shape.heads, 1, shape.head_dim};
    crest::Problem<T> p;
    p.q = {queries.data(), row};
    p.k = {k.template as<const T>(), cache};
    p.v = {v.template as<const T>(), cache};
    p.o = {out.data(), row};
    return p;
  }

  Shape shape;
  Pages k, v;
};

/// A cache and two sets of queries for it.
template <class T>
struct Inputs : Cache<T> {
  explicit Inputs(const Shape& s) : Cache<T>(s) {
    fill_keys(s, this->k.template as<T>());
    fill_values(s, this->v.template as<T>());
  }

  std::vector<float> q = rounded<T>(make_queries(this->shape, false));
  std::vector<float> near_q = rounded<T>(make_queries(this->shape, true));
};

}  // namespace bench
