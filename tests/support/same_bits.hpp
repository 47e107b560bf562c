// The same results, to the last bit, from different executors.
#pragma once

#include <gtest/gtest.h>

#include "crest/attention.hpp"
#include "support/case.hpp"

namespace test {

/// A ragged batch with masks, several queries, splits and a problem without keys.
inline std::vector<Case<float>> ragged_batch() {
  std::vector<Case<float>> cases;
  std::uint64_t seed = 1;
  for (Index keys : {2500, 0, 33, 4096, 700})
    cases.emplace_back(Spec{.shape = {.heads = 6, .kv_heads = 2, .queries = 1 + keys % 7, .keys = keys},
                            .mask = {.causal = keys % 2 == 1, .window = keys > 4000 ? 3000 : 0},
                            .seed = ++seed});
  return cases;
}

/// Outputs and Report of one call on the whole batch.
struct Outcome {
  std::vector<std::vector<unsigned char>> bytes;
  crest::Report report;
};

template <class R, class E>
Outcome outcome(const R& recipe, E& executor) {
  std::vector<Case<float>> cases = ragged_batch();
  std::vector<Problem<float>> problems;
  for (auto& c : cases) problems.push_back(c.problem);
  Outcome result{{}, crest::attention(problems, recipe, executor)};
  for (auto& c : cases)
    for (const auto* t : {&c.o, &c.lse, &c.error}) result.bytes.push_back(t->bytes());
  return result;
}

inline void expect_same(const Outcome& a, const Outcome& b) {
  EXPECT_TRUE(a.report.ok() && b.report.ok());
  EXPECT_EQ(a.bytes, b.bytes);
  const crest::Report &x = a.report, &y = b.report;
  EXPECT_EQ(x.rows, y.rows);
  EXPECT_EQ(x.keys_visible, y.keys_visible);
  EXPECT_EQ(x.keys_sampled, y.keys_sampled);
  EXPECT_EQ(x.keys_scored, y.keys_scored);
  EXPECT_EQ(x.keys_used, y.keys_used);
  EXPECT_EQ(x.rescales, y.rescales);
  EXPECT_EQ(x.fallbacks, y.fallbacks);
  EXPECT_EQ(x.bytes_read, y.bytes_read);
  EXPECT_EQ(x.bytes_dense, y.bytes_dense);
  EXPECT_EQ(x.worst_error, y.worst_error);
  EXPECT_EQ(x.step_max, y.step_max);
  EXPECT_EQ(x.missed_max_bound, y.missed_max_bound);
  EXPECT_EQ(x.missed_mass, y.missed_mass);
}

/// Runs every kind of recipe on the executor, twice, and compares with Serial.
template <class E>
void expect_same_bits_as_serial(E& executor) {
  const auto with = [&](const auto& recipe) {
    crest::Serial serial;
    const Outcome wanted = outcome(recipe, serial);
    for (int again = 0; again < 2; ++again) expect_same(outcome(recipe, executor), wanted);
  };
  with(crest::exact);
  with(crest::clustered);
  with(crest::clustered.with({.target_error = 0.2f}));
}

}  // namespace test
