#include "measure.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace demo {

using crest::Index;

namespace {

Index count(const std::vector<bool>& flags) { return std::count(flags.begin(), flags.end(), true); }

}  // namespace

std::vector<double> Measured::true_by_predicted() const {
  std::vector<double> ratios;
  for (std::size_t i = 0; foretold && i < foretold->errors.size(); ++i)
    if (foretold->errors[i] > 0) ratios.push_back(outcome.errors[i] / foretold->errors[i]);
  return ratios;
}

const Measured& LayerResult::find(const std::string& recipe) const {
  const auto is = [&](const Measured& m) { return m.label.text() == recipe; };
  const auto found = std::find_if(rows.begin(), rows.end(), is);
  if (found == rows.end()) throw std::logic_error("not measured: " + recipe);
  return *found;
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

Measured measured(const Label& label, double seconds, const crest::Report& report, const Followed& noted,
                  std::vector<double> errors) {
  const auto rows = static_cast<double>(report.rows);
  return {
      .label = label,
      .seconds = seconds,
      .outcome = {static_cast<double>(report.bytes_read), static_cast<double>(report.bytes_dense), std::move(errors)},
      .keys_used = static_cast<double>(report.keys_used) / static_cast<double>(report.keys_visible),
      .left_out = LeftOut{static_cast<double>(noted.peaks_found) / rows, report.missed_mass, noted.missed / rows}};
}

std::vector<double> errors(const Batch& batch, const Oracle& oracle) {
  std::vector<double> all;
  for (Index head = 0; head < batch.trace().heads; ++head)
    for (Index query = 0; query < batch.trace().queries(); ++query)
      all.push_back(oracle.error(head, query, batch.output(head, query)));
  return all;
}

std::vector<double> predicted(const Batch& batch) {
  std::vector<double> all;
  for (Index head = 0; head < batch.trace().heads; ++head)
    for (Index query = 0; query < batch.trace().queries(); ++query) all.push_back(batch.predicted(head, query));
  return all;
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

void require_same(const crest::Report& timed, const Followed& noted) {
  if (timed.rows != noted.rows || timed.keys_scored != noted.keys_scored || timed.keys_used != noted.keys_used)
    throw std::runtime_error("the Report counts other keys than the policies saw");
}

}  // namespace demo
