#include "measure.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace demo {

using crest::Index;

namespace {

Index count(const std::vector<bool>& flags) { return std::count(flags.begin(), flags.end(), true); }

}  // namespace

double Measured::error_mean() const {
  return std::accumulate(errors.begin(), errors.end(), 0.0) / static_cast<double>(errors.size());
}

double Measured::error_p95() const { return errors[row_at(errors, 0.95)]; }

Index row_at(const std::vector<double>& errors, double quantile) {
  std::vector<Index> order(errors.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return errors[a] < errors[b]; });
  return order[static_cast<std::size_t>(std::lround(quantile * static_cast<double>(order.size() - 1)))];
}

double Portrait::kept_mass() const {
  double mass = 0;
  for (std::size_t j = 0; j < weight.size(); ++j) mass += notes.kept[j] ? weight[j] : 0;
  return mass;
}

void Followed::add(const Batch& batch, const Oracle& oracle, Index query, Index kv_head, const Notes& notes) {
  const Index group = batch.trace().gqa_group();
  rows += group;
  keys_scored += group * count(notes.scored);
  keys_used += group * count(notes.kept);
  for (Index head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    double kept = 0;
    for (std::size_t key = 0; key < notes.kept.size(); ++key)
      if (notes.kept[key]) kept += oracle.weight(head, query, static_cast<Index>(key));
    missed += 1 - kept;
    peaks_found += notes.scored[oracle.row(head, query).heaviest];
  }
}

Measured measured(const std::string& recipe, double seconds, const crest::Report& report, const Followed& noted,
                  std::vector<double> errors) {
  const auto rows = static_cast<double>(report.rows);
  return {.recipe = recipe,
          .seconds = seconds,
          .bytes_read = static_cast<double>(report.bytes_read),
          .bytes_dense = static_cast<double>(report.bytes_dense),
          .keys_used = static_cast<double>(report.keys_used) / static_cast<double>(report.keys_visible),
          .peak_found = static_cast<double>(noted.peaks_found) / rows,
          .missed_estimated = report.missed_mass,
          .missed = noted.missed / rows,
          .errors = std::move(errors)};
}

std::vector<double> errors(const Batch& batch, const Oracle& oracle) {
  std::vector<double> all;
  for (Index head = 0; head < batch.trace().heads; ++head)
    for (Index query = 0; query < batch.trace().queries(); ++query)
      all.push_back(oracle.error(head, query, batch.output(head, query)));
  return all;
}

double dense_bytes(const Batch& batch) {
  double bytes = 0;
  for (const crest::Problem<crest::f16>& p : batch.problems())
    bytes += static_cast<double>(p.kv_heads() * p.keys() * (p.head_dim() + p.value_dim())) * sizeof(crest::f16);
  return bytes;
}

Portrait portrait(const Batch& batch, const Oracle& oracle, Index head, Index query) {
  Portrait p{.head = head, .position = batch.trace().positions[query]};
  const double peak = oracle.score(head, query, oracle.row(head, query).heaviest);
  for (Index key = 0; key <= p.position; ++key) {
    p.depth.push_back(peak - oracle.score(head, query, key));
    p.weight.push_back(oracle.weight(head, query, key));
  }
  p.notes = Notes(p.position + 1);
  return p;
}

void require_ok(const crest::Report& report) {
  if (!report.ok()) throw std::runtime_error(crest::to_string(report.status));
}

void require_same(const crest::Report& timed, const Followed& noted) {
  if (timed.rows != noted.rows || timed.keys_scored != noted.keys_scored || timed.keys_used != noted.keys_used)
    throw std::runtime_error("the Report counts other keys than the policies saw");
}

}  // namespace demo
