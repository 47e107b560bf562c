// Problems whose scores are known by construction.
#pragma once

#include "support/case.hpp"

namespace test {

/// One KV head whose scores are f(key) nats plus a little noise, the same for every query head: the first column of q
/// is 1, that of k is f(key), the others are small.
template <class T, class F>
Case<T> scores_along_keys(Shape shape, F&& f) {
  Case<T> c({.shape = shape});
  c.problem.scale = 1;
  c.q.fill([&](Index i, Index j, Index x) { return x == 0 ? 1.0f : 0.005f * c.q.get(i, j, x); });
  c.k.fill([&](Index i, Index j, Index x) { return x == 0 ? static_cast<float>(f(j)) : c.k.get(i, j, x); });
  return c;
}

/// Scores that climb by `nats` from the first key to the last; they fall where `nats` is negative.
template <class T>
Case<T> slope(Shape shape, double nats) {
  const double steps = static_cast<double>(shape.keys - 1);
  return scores_along_keys<T>(shape, [=](Index j) { return nats * static_cast<double>(j) / steps; });
}

}  // namespace test
