#include "smoothness.hpp"

#include <algorithm>
#include <cmath>

namespace frontier {
namespace {

double quantile(std::vector<double>& values, double share) {
  const auto at = values.begin() + std::lround(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double highest_sample(std::span<const double> s, Index stride) {
  double highest = s[0];
  for (Index key = 0; key < std::ssize(s); key += stride) highest = std::max(highest, s[key]);
  return highest;
}

void append(std::vector<double>& all, const std::vector<double>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

std::vector<double> Smoothness::bounds(std::size_t stride) const {
  std::vector<double> all;
  for (std::size_t row = 0; row < steepest.size(); ++row) all.push_back(bound(row, stride));
  return all;
}

void Smoothness::add_row(std::span<const double> s) {
  if (s.size() < 2) return;
  std::vector<double> steps;
  for (std::size_t j = 0; j + 1 < s.size(); ++j) steps.push_back(std::abs(s[j + 1] - s[j]));
  median.push_back(quantile(steps, 0.5));
  p95.push_back(quantile(steps, 0.95));
  steepest.push_back(*std::max_element(steps.begin(), steps.end()));
  const double peak = *std::max_element(s.begin(), s.end());
  for (std::size_t i = 0; i < strides.size(); ++i) missed[i].push_back(peak - highest_sample(s, strides[i]));
}

void Smoothness::add(const Smoothness& more) {
  append(median, more.median);
  append(p95, more.p95);
  append(steepest, more.steepest);
  for (std::size_t i = 0; i < strides.size(); ++i) append(missed[i], more.missed[i]);
}

}  // namespace frontier
