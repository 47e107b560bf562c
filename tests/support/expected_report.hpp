// What a looking recipe should return, from the sets of keys that a slow twin of it looks at and uses.
#pragma once

#include <gtest/gtest.h>

#include "support/clustered_reference.hpp"
#include "support/compare.hpp"

namespace test {

inline std::uint64_t lines(Index elements, std::size_t size) { return (elements * size + 63) / 64 * 64; }

/// What the rows and the Report of a looking recipe should be, summed over all groups and queries.
template <class T>
class ExpectedReport {
 public:
  /// twin(kv_head, query): what the recipe should look at and use.
  template <class Twin>
  ExpectedReport(const crest::Problem<T>& p, Twin&& twin) : p_(p) {
    for (Index kv_head = 0; kv_head < p.kv_heads(); ++kv_head)
      for (Index query = 0; query < p.queries(); ++query) add(twin(kv_head, query), kv_head, query);
  }

  /// Bytes that are read besides rows of K and V.
  void add_bytes(std::uint64_t bytes) { bytes_ += bytes; }

  void check(const crest::Report& report) const {
    EXPECT_EQ(report.rows, p_.heads() * p_.queries());
    EXPECT_EQ(report.keys_visible, visible_);
    EXPECT_EQ(report.keys_sampled, sampled_);
    EXPECT_EQ(report.keys_scored, scored_);
    EXPECT_EQ(report.keys_used, used_);
    EXPECT_EQ(report.bytes_read, bytes_);
    EXPECT_EQ(report.fallbacks, 0);
    EXPECT_NEAR(report.missed_mass, missed_ / static_cast<double>(report.rows), 1e-5);
    EXPECT_NEAR(report.worst_error, worst_, 1e-4);
    EXPECT_NEAR(report.step_max, step_, 1e-4 * step_ + 1e-6);
    if (std::isinf(bound_))
      EXPECT_EQ(report.missed_max_bound, INFINITY);
    else
      EXPECT_NEAR(report.missed_max_bound, bound_, 1e-4 * bound_ + 1e-6);
  }

 private:
  void add(const reference::Look& look, Index kv_head, Index query) {
    const Index heads = p_.gqa_group();
    const auto count = [](const reference::Keys& keys) { return static_cast<Index>(keys.size()); };
    visible_ += heads * count(look.visible);
    sampled_ += heads * count(look.sampled);
    scored_ += heads * count(look.scored);
    used_ += heads * count(look.kept);
    bytes_ +=
        lines(p_.head_dim(), sizeof(T)) * count(look.scored) + lines(p_.value_dim(), sizeof(T)) * count(look.kept);
    const reference::Steps steps = reference::steps(look);
    step_ = std::max(step_, steps.steepest);
    bound_ = std::max(bound_, steps.known ? steps.steepest * steps.widest : INFINITY);
    for (Index h = 0; h < heads; ++h) add_row(look, kv_head * heads + h, query, look.scores[h]);
  }

  /// The output is the softmax over the kept keys alone, and `error` the share estimated to be missing.
  void add_row(const reference::Look& look, Index head, Index query, const std::map<Index, double>& scores) {
    const double missed = reference::missed_mass(look, scores);
    const oracle::Row row = oracle::attend(p_, head, query, {look.kept.begin(), look.kept.end()});
    EXPECT_LE(relative_l2(p_, head, query, row), exact_tolerance);
    EXPECT_LE(lse_distance(p_.lse(head, query), row.lse), exact_tolerance);
    EXPECT_NEAR(p_.error(head, query), missed, 1e-4);
    missed_ += missed;
    worst_ = std::max(worst_, missed);
  }

  const crest::Problem<T>& p_;
  Index visible_ = 0, sampled_ = 0, scored_ = 0, used_ = 0;
  std::uint64_t bytes_ = 0;
  double missed_ = 0, worst_ = 0, step_ = 0, bound_ = 0;
};

}  // namespace test
