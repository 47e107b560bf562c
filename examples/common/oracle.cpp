#include "oracle.hpp"

#include <algorithm>
#include <cmath>

namespace demo {

using crest::Index;

namespace {

std::vector<double> to_doubles(const std::vector<crest::f16>& halves) {
  std::vector<double> d(halves.size());
  std::transform(halves.begin(), halves.end(), d.begin(), [](crest::f16 x) { return double{to_float(x)}; });
  return d;
}

}  // namespace

Oracle::Oracle(const Trace& trace, const Layer& layer)
    : trace_(&trace), layer_(&layer), k_(to_doubles(layer.k)), v_(to_doubles(layer.v)) {
  for (Index head = 0; head < trace.heads; ++head)
    for (Index query = 0; query < trace.queries(); ++query) rows_.push_back(solve(head, query));
}

double Oracle::score(Index head, Index query, Index key) const {
  const Index d = trace_->head_dim;
  const float* q = layer_->q.data() + (head * trace_->queries() + query) * d;
  const double* k = k_.data() + (head / trace_->gqa_group() * trace_->keys + key) * d;
  double dot = 0;
  for (Index x = 0; x < d; ++x) dot += q[x] * k[x];
  return dot * trace_->scale;
}

double Oracle::weight(Index head, Index query, Index key) const {
  return std::exp(score(head, query, key) - row(head, query).lse);
}

double Oracle::error(Index head, Index query, const float* o) const {
  double off = 0, norm = 0;
  const std::vector<double>& exact = row(head, query).o;
  for (std::size_t x = 0; x < exact.size(); ++x) {
    off += (o[x] - exact[x]) * (o[x] - exact[x]);
    norm += exact[x] * exact[x];
  }
  return norm > 0 ? std::sqrt(off / norm) : std::sqrt(off);
}

OracleRow Oracle::solve(Index head, Index query) const {
  const Index visible = trace_->positions[query] + 1, dim = trace_->value_dim;
  std::vector<double> s(visible);
  for (Index j = 0; j < visible; ++j) s[j] = score(head, query, j);
  const auto peak = std::max_element(s.begin(), s.end());
  OracleRow row{std::vector<double>(dim), 0, peak - s.begin()};
  double sum = 0;
  for (Index j = 0; j < visible; ++j) {
    const double w = std::exp(s[j] - *peak);
    const double* v = v_.data() + (head / trace_->gqa_group() * trace_->keys + j) * dim;
    for (Index x = 0; x < dim; ++x) row.o[x] += w * v[x];
    sum += w;
  }
  for (double& x : row.o) x /= sum;
  row.lse = *peak + std::log(sum);
  return row;
}

}  // namespace demo
