// The matrix of problems: 121 cases in which every value of every factor meets every value of every other factor.
#pragma once

#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"

namespace test {

/// Level of a factor in one of 11 * 11 runs. An orthogonal array of strength 2 (Bose 1938): for two different factors
/// f and g, (a + f b, a + g b) runs through all pairs modulo the prime 11 as (a, b) does.
constexpr Index orthogonal_level(Index run, Index factor) { return (run / 11 + factor * (run % 11)) % 11; }

inline constexpr Index matrix_runs = 121;

// Shuffled, so that the largest values of all factors do not meet in one case.
inline constexpr Index head_dims[11] = {1, 7, 8, 16, 33, 64, 80, 96, 128, 256, 512};
inline constexpr Index value_dims[11] = {17, 256, 8, 64, 100, 128, 1, 80, 3, 512, 31};
inline constexpr Index key_counts[11] = {129, 17, 15, 1025, 7, 1000, 16, 1, 64, 0, 3000};
inline constexpr Index query_counts[11] = {2, 4, 33, 17, 1, 5, 3, 5, 1, 70, 1};
inline constexpr Index gqa_groups[11] = {5, 1, 2, 4, 2, 1, 8, 3, 7, 4, 9};
inline constexpr Index kv_head_counts[11] = {1, 2, 1, 3, 1, 2, 1, 2, 1, 2, 1};
inline constexpr Mask masks[11] = {{},
                                   {.causal = true},
                                   {.window = 1},
                                   {.window = 40, .sinks = 4},
                                   {.causal = true, .window = 16},
                                   {.causal = true, .window = 100, .sinks = 3},
                                   {.causal = true, .sinks = 5},
                                   {.window = 64, .sinks = 2000},
                                   {.causal = true, .window = 5000, .sinks = 1},
                                   {.causal = true, .window = 7, .sinks = 7},
                                   {.window = 1024}};
inline constexpr Layout layouts[11] = {{}, {0, 3, 0}, {5, 0, 0}, {7, 1, 4},  {0, 0, 1}, {3, 5, 3},
                                       {}, {1, 2, 2}, {0, 8, 0}, {16, 0, 4}, {0, 1, 1}};

/// Random ranges with holes, one list per query; some are empty, some touch.
inline std::vector<std::vector<KeyRange>> holes(const Shape& shape, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::vector<KeyRange>> lists(shape.queries);
  for (auto& list : lists)
    for (Index at = random.below(4); at < shape.keys;) {
      const Index last = std::min(shape.keys, at + random.below(shape.keys / 4 + 3));
      list.push_back({at, last});
      at = last + random.below(shape.keys / 8 + 2);
    }
  return lists;
}

inline Spec matrix_spec(Index run) {
  const auto level = [&](Index factor) { return orthogonal_level(run, factor); };
  const Index kv_heads = kv_head_counts[level(5)];
  return {.shape = {.heads = kv_heads * gqa_groups[level(4)],
                    .kv_heads = kv_heads,
                    .queries = query_counts[level(3)],
                    .keys = key_counts[level(2)],
                    .head_dim = head_dims[level(0)],
                    .value_dim = value_dims[level(1)]},
          .mask = masks[level(6)],
          .data = Data{static_cast<int>(level(8) % 3)},
          .seed = static_cast<std::uint64_t>(run) + 1,
          .layout = layouts[level(7)]};
}

/// Every third case replaces its mask by ranges.
template <class T>
Case<T> matrix_case(Index run) {
  const Spec spec = matrix_spec(run);
  Case<T> c(spec);
  if (run % 3 == 2) c.see(holes(spec.shape, spec.seed));
  return c;
}

inline std::string describe(const Shape& s) {
  return "heads " + std::to_string(s.heads) + "/" + std::to_string(s.kv_heads) + " queries " +
         std::to_string(s.queries) + " keys " + std::to_string(s.keys) + " dims " + std::to_string(s.head_dim) + "/" +
         std::to_string(s.value_dim);
}

/// Runs a recipe that uses every key on the cases of one slice (0..10) and all backends of this CPU, each against the
/// oracle.
template <class T, class R>
void expect_matrix_close(const R& recipe, Index slice) {
  for (Index i = 11 * slice; i < 11 * (slice + 1); ++i) {
    Case<T> c = matrix_case<T>(i);
    SCOPED_TRACE("case " + std::to_string(i) + ": " + describe(matrix_spec(i).shape));
    const std::vector<oracle::Row> wanted = oracle::solve(c.problem);
    for_each_backend([&](crest::Backend backend) {
      c.reset();
      compute(c.problem, recipe, backend);
      expect_close(c.problem, wanted);
      EXPECT_TRUE(c.o.gaps_untouched() && c.lse.gaps_untouched() && c.error.gaps_untouched());
    });
  }
}

}  // namespace test
