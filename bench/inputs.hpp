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

/// What queries of a cache of T are rounded to: T itself, and nothing for few-bit elements.
template <class T>
using QueryOf = std::conditional_t<crest::is_float_element<T>, T, float>;

/// Roughly normal queries, [heads, queries, head_dim]. `near`: they point at the plateaus of their KV head's keys.
std::vector<float> make_queries(const Shape&, bool near);

/// Roughly normal keys, [kv_heads, keys, head_dim]; two runs of 48 keys of each KV head are one direction plus noise of
/// 0.3: the smooth plateaus that sampling in position needs. Queries that are not `near` do not notice them.
template <class T>
void fill_keys(const Shape&, T* k);

/// Roughly normal values, [kv_heads, keys, head_dim].
template <class T>
void fill_values(const Shape&, T* v);

/// The same cache as few-bit rows; `scales` gets one factor a key where T needs one.
template <class T>
void quantise_keys(const Shape&, T* k, float* scales);
template <class T>
void quantise_values(const Shape&, T* v, float* scales);

/// Queries as numbers that T can hold, so that a peer which takes them as T computes the same thing.
template <class T>
std::vector<float> rounded(std::vector<float> queries) {
  for (float& x : queries) x = crest::to_float(as_type<T>(x));
  return queries;
}

/// Memory for K and V.
template <class T>
struct Cache {
  explicit Cache(const Shape& s)
      : shape(s),
        k(crest::bytes_of<T>(s.kv_elements())),
        v(crest::bytes_of<T>(s.kv_elements())),
        k_scales(crest::is_scaled<T> ? s.kv_heads * s.keys : 0),
        v_scales(k_scales.size()) {}

  crest::Problem<T> problem(const std::vector<float>& queries, std::vector<float>& out) const {
    const std::array<Index, 3> cache{shape.kv_heads, shape.keys, shape.head_dim / crest::elements_in<T>};
    const std::array<Index, 3> row{shape.heads, shape.queries, shape.head_dim};
    crest::Problem<T> p;
    p.q = {queries.data(), row};
    p.k = {k.template as<const T>(), cache};
    p.v = {v.template as<const T>(), cache};
    p.o = {out.data(), row};
    p.mask = {.causal = shape.queries > 1};
    if constexpr (crest::is_scaled<T>) {
      p.k_scales = {k_scales.data(), {shape.kv_heads, shape.keys}};
      p.v_scales = {v_scales.data(), {shape.kv_heads, shape.keys}};
    }
    return p;
  }

  Shape shape;
  Pages k, v;
  std::vector<float> k_scales, v_scales;  ///< [kv_heads, keys]
};

/// A cache and two sets of queries for it.
template <class T>
struct Inputs : Cache<T> {
  explicit Inputs(const Shape& s) : Cache<T>(s) {
    T *const keys = this->k.template as<T>(), *const values = this->v.template as<T>();
    if constexpr (crest::is_float_element<T>) {
      fill_keys(s, keys);
      fill_values(s, values);
    } else {
      quantise_keys(s, keys, this->k_scales.data());
      quantise_values(s, values, this->v_scales.data());
    }
  }

  std::vector<float> q = rounded<QueryOf<T>>(make_queries(this->shape, false));
  std::vector<float> near_q = rounded<QueryOf<T>>(make_queries(this->shape, true));
};

}  // namespace bench
