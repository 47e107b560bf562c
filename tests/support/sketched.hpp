// Problems for guided: a Case whose values have something in common, its sketch, and how far off an answer is.
#pragma once

#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"

namespace test {

/// Owns a Case and the sketch its Problem points to.
template <class T>
struct Sketched {
  Case<T> c;
  crest::KeySketch sketch;
  Problem<T>& problem = c.problem;

  explicit Sketched(const Spec& spec, bool rows = false, const crest::SketchOptions& options = {})
      : c(with_common(spec)), sketch(spec.shape.kv_heads, spec.shape.head_dim, options) {
    rebuild(rows);
    problem.sketch = &sketch;
  }
  Sketched(const Sketched&) = delete;

  /// Values that cancel leave an output whose relative error says nothing.
  static Spec with_common(Spec spec) {
    spec.common = 1;
    return spec;
  }

  /// A new sketch of what the cache holds now.
  void rebuild(bool rows) {
    sketch.clear();
    EXPECT_EQ(rows ? sketch.append(problem.k, problem.v) : sketch.append(problem.k), crest::Status::ok);
  }
};

/// A group of three heads over 2600 keys: as many scores stand out as in a language model.
inline constexpr Spec typical{.shape = {.heads = 6, .kv_heads = 2, .keys = 2600, .head_dim = 64, .value_dim = 48},
                              .spread = 2};

inline Spec typical_with(const Shape& shape) {
  Spec spec = typical;
  spec.shape = shape;
  return spec;
}

/// |o - wanted| / |wanted| of one row; |o| where nothing is wanted.
template <class T>
double head_error(const Problem<T>& p, Index head, Index query, const std::vector<double>& wanted) {
  double difference = 0, length = 0;
  for (Index x = 0; x < p.value_dim(); ++x) {
    const double d = p.o(head, query, x) - wanted[x];
    difference += d * d;
    length += wanted[x] * wanted[x];
  }
  return std::sqrt(length > 0 ? difference / length : difference);
}

/// Every row lies within `predictions` times its own prediction, give or take `slack`; rows done exactly, whose
/// prediction is 0, within rounding.
template <class T>
void expect_told(const Problem<T>& p, const std::vector<oracle::Row>& wanted, double predictions = 4,
                 double slack = 0) {
  for (Index head = 0; head < p.heads(); ++head)
    for (Index query = 0; query < p.queries(); ++query) {
      const double told = p.error(head, query),
                   found = head_error(p, head, query, wanted[head * p.queries() + query].o);
      EXPECT_LE(found, predictions * told + exact_tolerance + (told > 0 ? slack : 0))
          << "head " << head << ", query " << query;
      EXPECT_LE(told, 0.5) << "more than guided vouches for";
    }
}

/// guided with changed logits: the prediction holds, and the error stays far below what a wrong logit would give.
/// change(logit, head, query, key) is what a variant does, for the oracle.
template <class T, class R, class Change = oracle::Unchanged>
void expect_guided(const crest::LogitOptions& options, bool rows, const R& recipe, Change change = {}) {
  Sketched<T> s(typical, rows);
  s.problem.logits = options;
  const auto wanted = oracle::solve(s.problem, change);
  for_each_backend([&](crest::Backend backend) {
    const crest::Report report = run(s.problem, recipe, backend);
    EXPECT_EQ(report.fallbacks, 0);
    EXPECT_LT(report.worst_error, 0.4f);
    expect_told(s.problem, wanted);
  });
}

}  // namespace test
