// Problems for sparse: queries that stand side by side in a text, and whether a call really drew keys.
#pragma once

#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"

namespace test {

/// Queries of a head that look for about the same keys, as neighbours do, and differ by `own`.
inline void make_neighbours(Tensor<float>& q, std::uint64_t seed, float own = 0.4f) {
  Random random(seed + 77);
  for (Index h = 0; h < q.extents()[0]; ++h)
    for (Index x = 0; x < q.extents()[2]; ++x) {
      const float shared = 1.6f * random.normal();
      for (Index i = 0; i < q.extents()[1]; ++i) q.set(h, i, x, shared + own * random.normal());
    }
}

/// All rows were computed with drawn keys, at most `share` of those visible, and said so: off by a little, few by more.
template <class T>
void expect_drawn(const Problem<T>& p, const crest::Report& report, double share) {
  EXPECT_EQ(report.fallbacks, 0);
  EXPECT_LE(static_cast<double>(report.keys_used), share * static_cast<double>(report.keys_visible));
  double sum = 0;
  for (Index h = 0; h < p.heads(); ++h)
    for (Index i = 0; i < p.queries(); ++i) {
      const double told = row_value(p.error, h, i);
      EXPECT_TRUE(told > 0 && told <= 0.5) << told << " of head " << h << ", query " << i;
      sum += told;
    }
  EXPECT_LE(sum / static_cast<double>(p.heads() * p.queries()), 0.1);
}

}  // namespace test
