// The recipe mixed in software, and how far off it is.
#pragma once

#include <algorithm>

#include "support/matrix.hpp"

namespace test {

inline constexpr crest::Mixed emulated = crest::mixed.with({.emulate = true});

/// True errors by rows, and what was told of them.
template <class T>
struct MixedErrors {
  double largest = 0, largest_ratio = 0;
  std::vector<double> ratios;  ///< true / told, of rows that are not exact

  MixedErrors(const crest::Problem<T>& p, const std::vector<oracle::Row>& wanted) {
    for (Index h = 0; h < p.heads(); ++h)
      for (Index i = 0; i < p.queries(); ++i) add(p, h, i, wanted[h * p.queries() + i]);
    std::sort(ratios.begin(), ratios.end());
  }
  double median() const { return ratios[ratios.size() / 2]; }

 private:
  void add(const crest::Problem<T>& p, Index h, Index i, const oracle::Row& row) {
    double difference = 0, norm = 0;
    for (Index x = 0; x < p.value_dim(); ++x) {
      const double d = oracle::element(p.o, h, i, x) - row.o[x];
      difference += d * d, norm += row.o[x] * row.o[x];
    }
    const double error = norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
    const double told = row_value(p.error, h, i);
    largest = worse(largest, error);
    if (told > 0) ratios.push_back(error / told);
    largest_ratio = worse(largest_ratio, error / (told + 5e-6));
  }
};

/// Computes a problem anew, fewer than `some` rows of it exactly, and finds how far off it is.
template <class T>
MixedErrors<T> run_emulated(Case<T>& c, const std::vector<oracle::Row>& wanted, crest::Backend backend, Index some) {
  c.reset();
  EXPECT_LT(run(c.problem, emulated, backend).fallbacks, some);
  return {c.problem, wanted};
}

}  // namespace test
