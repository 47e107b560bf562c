// A Problem with its tensors.
#pragma once

#include <complex>

#include "crest/core/problem.hpp"
#include "support/random.hpp"
#include "support/tensor.hpp"

namespace test {

using crest::KeyRange;
using crest::Mask;
using crest::Problem;

enum class Data { normal, heavy, smooth };

struct Shape {
  Index heads = 4, kv_heads = 2, queries = 1, keys = 64, head_dim = 32, value_dim = 32;
};

/// How to make a Case; every member has a plain default.
struct Spec {
  Shape shape{};
  Mask mask{};
  Data data = Data::normal;
  std::uint64_t seed = 1;
  Layout layout{};
  float spread = 1;  ///< factor on q, and so on the scores
  float common = 0;  ///< added to every value
};

/// Rows that change slowly from key to key: two waves per column, 200 to 800 keys long.
class Waves {
 public:
  explicit Waves(std::uint64_t seed) : random_(seed) {}

  template <class T>
  void fill(Tensor<T>& t) {
    for (Index i = 0; i < t.extents()[0]; ++i)
      for (Index x = 0; x < t.extents()[2]; ++x) fill_column(t, i, x);
  }

 private:
  template <class T>
  void fill_column(Tensor<T>& t, Index i, Index x) {
    const double slow = turn(), fast = turn(), a = random_.normal(), b = random_.normal();
    std::complex<double> first = std::polar(1.0, slow * 300), second = std::polar(1.0, fast * 700);
    const std::complex<double> slowly = std::polar(1.0, slow), quickly = std::polar(1.0, fast);
    for (Index j = 0; j < t.extents()[1]; ++j, first *= slowly, second *= quickly)
      t.set(i, j, x, static_cast<float>(a * first.imag() + b * second.real()));
  }
  double turn() { return 2 * std::numbers::pi / (200 + 600 * random_.uniform()); }

  Random random_;
};

template <class T>
void fill(Tensor<T>& t, Data data, std::uint64_t seed) {
  Random random(seed);
  if (data == Data::smooth) return Waves(seed).fill(t);
  t.fill([&](Index, Index, Index) { return data == Data::heavy ? random.heavy() : random.normal(); });
}

/// Owns everything its Problem views. Movable, because moving a vector keeps its memory.
template <class T>
struct Case {
  Tensor<float> q;
  Tensor<T> k, v;
  Tensor<float> o, lse, error;
  std::vector<KeyRange> ranges;
  std::vector<Index> range_of;
  Problem<T> problem;

  explicit Case(const Spec& spec = {}) : Case(spec.shape, spec.layout) {
    problem.mask = spec.mask;
    fill(q, spec.data == Data::smooth ? Data::normal : spec.data, 3 * spec.seed);
    fill(k, spec.data, 3 * spec.seed + 1);
    fill(v, spec.data, 3 * spec.seed + 2);
    q.fill([&](Index i, Index j, Index x) { return spec.spread * q.get(i, j, x); });
    if (spec.common != 0) v.fill([&](Index i, Index j, Index x) { return spec.common + v.get(i, j, x); });
  }
  Case(Case&&) noexcept = default;
  Case& operator=(Case&&) noexcept = default;

  /// Replaces the mask by ranges, one list per query.
  void see(const std::vector<std::vector<KeyRange>>& lists) {
    ranges.clear();
    range_of = {0};
    for (const auto& list : lists) {
      ranges.insert(ranges.end(), list.begin(), list.end());
      range_of.push_back(static_cast<Index>(ranges.size()));
    }
    problem.ranges = ranges;
    problem.range_of = range_of;
  }
  /// Forgets all output.
  void reset() { o.reset(), lse.reset(), error.reset(); }
  bool untouched() const { return o.untouched() && lse.untouched() && error.untouched(); }

 private:
  Case(const Shape& s, const Layout& layout)
      : q({s.heads, s.queries, s.head_dim}, layout),
        k({s.kv_heads, s.keys, s.head_dim}, layout),
        v({s.kv_heads, s.keys, s.value_dim}, layout),
        o({s.heads, s.queries, s.value_dim}, layout),
        lse({1, s.heads, s.queries}, layout),
        error({1, s.heads, s.queries}, layout) {
    problem.q = q.view();
    problem.k = k.view();
    problem.v = v.view();
    problem.o = o.view();
    problem.lse = lse.plane();
    problem.error = error.plane();
  }
};

}  // namespace test
