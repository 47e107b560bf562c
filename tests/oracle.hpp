// The oracle: attention by a full scan in double, in the plainest code. It shares nothing with the library but the
// types of the public contract, and gives non-finite results exactly where IEEE arithmetic does.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "crest/core/problem.hpp"

namespace oracle {

using crest::Index;

/// One element of a view, whatever its alignment.
template <class T>
CREST_INLINE double element(const crest::TensorView<T, 3>& t, Index i, Index j, Index x) {
  std::remove_const_t<T> value;
  std::memcpy(&value, t.data_handle() + i * t.stride(0) + j * t.stride(1) + x * t.stride(2), sizeof value);
  return crest::to_float(value);
}

/// The same of rows whose type is known at run time.
template <class F>
double element(const crest::RowView<F>& t, Index i, Index j, Index x) {
  const std::array<Index, 3> extents{t.extent(0), t.extent(1), t.extent(2)},
      strides{t.stride(0), t.stride(1), t.stride(2)};
  const auto as = [&]<class T>(const T* data) {
    return element(crest::TensorView<const T, 3>(data, extents, strides), i, j, x);
  };
  const void* data = t.data_handle();
  if (t.element() == crest::Element::f16) return as(static_cast<const crest::f16*>(data));
  if (t.element() == crest::Element::bf16) return as(static_cast<const crest::bf16*>(data));
  return as(static_cast<const float*>(data));
}

/// Elements [0, size) of row (i, j).
template <class View>
std::vector<double> row(const View& t, Index i, Index j, Index size) {
  std::vector<double> elements(static_cast<std::size_t>(size));
  for (Index x = 0; x < size; ++x) elements[x] = element(t, i, j, x);
  return elements;
}

/// Does `query` see `key`?
template <class T>
bool sees(const crest::Problem<T>& p, Index query, Index key) {
  if (!p.range_of.empty()) {
    for (Index r = p.range_of[query]; r < p.range_of[query + 1]; ++r)
      if (key >= p.ranges[r].first && key < p.ranges[r].last) return true;
    return false;
  }
  const Index newest = p.mask.causal ? p.keys() - p.queries() + query : p.keys() - 1;
  return key <= newest && (p.mask.window == 0 || key > newest - p.mask.window || key < p.mask.sinks);
}

/// One query head at one query.
struct Row {
  std::vector<Index> keys;
  std::vector<double> scores;  ///< nats, one per key
  std::vector<double> o;
  double size = 0;  ///< length o would have if the values were independent: sqrt(sum_j share_j^2 |v_j|^2)
  double lse = -std::numeric_limits<double>::infinity();
};

/// What LogitOptions make of a logit.
template <class T>
double changed(const crest::Problem<T>& p, double s, Index head, Index query, Index key) {
  const crest::LogitOptions& o = p.logits;
  if (o.softcap > 0) s = o.softcap * std::tanh(s / o.softcap);
  if (!o.slopes.empty())
    s += double{o.slopes[head]} *
         static_cast<double>(key - (o.places.empty() ? p.keys() - p.queries() + query : o.places[query]));
  if (o.bias.data_handle() == nullptr) return s;
  return s + element(o.bias, head, query, key) * (o.bias_factors.empty() ? 1.0 : o.bias_factors[head]);
}

/// q: the row of that head and query.
template <class T>
double score(const crest::Problem<T>& p, const std::vector<double>& q, Index head, Index query, Index key) {
  double dot = 0;
  for (Index x = 0; x < p.head_dim(); ++x) dot += q[x] * element(p.k, head / p.gqa_group(), key, x);
  const double s = dot * (p.scale != 0 ? p.scale : 1 / std::sqrt(static_cast<double>(p.head_dim())));
  return changed(p, s, head, query, key);
}
template <class T>
double score(const crest::Problem<T>& p, Index head, Index query, Index key) {
  return score(p, row(p.q, head, query, p.head_dim()), head, query, key);
}

/// A logit stays as it is.
struct Unchanged {
  double operator()(double s, Index, Index, Index) const { return s; }
};

/// Softmax over the given keys alone, and over the head's sink logit. change(logit, head, query, key) is a variant of
/// the caller's.
template <class T, class Change = Unchanged>
Row attend(const crest::Problem<T>& p, Index head, Index query, std::vector<Index> keys, Change change = {}) {
  Row row{std::move(keys), {}, std::vector<double>(p.value_dim())};
  const double nothing = -std::numeric_limits<double>::infinity();
  const bool hides = p.logits.bias.data_handle() || !std::is_same_v<Change, Unchanged>;
  const double sink = p.logits.sinks.empty() ? nothing : p.logits.sinks[head];
  double peak = sink;
  const std::vector<double> q = oracle::row(p.q, head, query, p.head_dim());
  for (Index key : row.keys) row.scores.push_back(change(score(p, q, head, query, key), head, query, key));
  for (double s : row.scores) peak = std::max(peak, s);
  if (peak == nothing && (row.keys.empty() || hides)) return row;
  double sum = std::exp(sink - peak);
  for (std::size_t i = 0; i < row.keys.size(); ++i) {
    const double weight = std::exp(row.scores[i] - peak);
    sum += weight;
    for (Index x = 0; x < p.value_dim(); ++x) {
      const double part = weight * element(p.v, head / p.gqa_group(), row.keys[i], x);
      row.o[x] += part;
      row.size += part * part;
    }
  }
  for (double& x : row.o) x /= sum;
  row.size = std::sqrt(row.size) / sum;
  row.lse = peak + std::log(sum);
  return row;
}

/// Softmax over all keys the query sees.
template <class T, class Change = Unchanged>
Row attend(const crest::Problem<T>& p, Index head, Index query, Change change = {}) {
  std::vector<Index> keys;
  for (Index key = 0; key < p.keys(); ++key)
    if (sees(p, query, key)) keys.push_back(key);
  return attend(p, head, query, std::move(keys), change);
}

/// All rows, [head][query].
template <class T, class Change = Unchanged>
std::vector<Row> solve(const crest::Problem<T>& p, Change change = {}) {
  std::vector<Row> rows;
  for (Index head = 0; head < p.heads(); ++head)
    for (Index query = 0; query < p.queries(); ++query) rows.push_back(attend(p, head, query, change));
  return rows;
}

}  // namespace oracle
