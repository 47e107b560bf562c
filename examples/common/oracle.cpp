#include "oracle.hpp"

#include <algorithm>
#include <numeric>

namespace demo {

using crest::Index;

namespace {

std::vector<double> to_doubles(const std::vector<crest::f16>& halves) {
  std::vector<double> d(halves.size());
  std::transform(halves.begin(), halves.end(), d.begin(), [](crest::f16 x) { return double{to_float(x)}; });
  return d;
}

}  // namespace

Cache cache_of(const Layer& layer) { return {to_doubles(layer.k), to_doubles(layer.v)}; }

double PlainLayer::score(Index head, Index query, Index key) const {
  const Index d = trace_->head_dim;
  const float* q = layer_->q.data() + (head * trace_->queries() + query) * d;
  const double* k = cache_.k.data() + (head / trace_->gqa_group() * trace_->keys + key) * d;
  double dot = 0;
  for (Index x = 0; x < d; ++x) dot += q[x] * k[x];
  return dot * trace_->scale;
}

std::vector<double> PlainLayer::scores(Index head, Index query, std::span<const Index> keys) const {
  std::vector<double> s;
  s.reserve(keys.size());
  for (Index key : keys) s.push_back(score(head, query, key));
  return s;
}

OracleRow PlainLayer::weigh(Index head, std::span<const Index> keys, std::span<const double> s) const {
  const Index dim = trace_->value_dim;
  const auto peak = std::max_element(s.begin(), s.end());
  OracleRow row{std::vector<double>(dim), 0, keys[peak - s.begin()]};
  double sum = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const double w = std::exp(s[i] - *peak);
    const double* v = cache_.v.data() + (head / trace_->gqa_group() * trace_->keys + keys[i]) * dim;
    for (Index x = 0; x < dim; ++x) row.o[x] += w * v[x];
    sum += w;
  }
  for (double& x : row.o) x /= sum;
  row.lse = *peak + std::log(sum);
  return row;
}

Oracle::Oracle(const Trace& trace, const Layer& layer, Cache cache) : PlainLayer(trace, layer, std::move(cache)) {
  std::vector<Index> all(trace.keys);
  std::iota(all.begin(), all.end(), Index{0});
  for (Index head = 0; head < trace.heads; ++head)
    for (Index query = 0; query < trace.queries(); ++query)
      rows_.push_back(solve(head, query, std::span(all).first(trace.positions[query] + 1)));
}

double Oracle::weight(Index head, Index query, Index key) const {
  return std::exp(score(head, query, key) - row(head, query).lse);
}

}  // namespace demo
