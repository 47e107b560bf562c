// Prompts: whole ones, exactly, against the multiply-adds that the machine can do; and their last queries by `sparse`.
#include <cmath>

#include "features.hpp"
#include "noise.hpp"
#include "peaked.hpp"
#include "reference.hpp"

namespace bench {

namespace {

/// Queries that look for what their head looks for, and for something of their own: [heads, queries, head_dim].
std::vector<float> make_prompt(const Shape& s) {
  const std::vector<float> aims = rounded<f16>(make_peaked_queries(s));
  std::vector<float> q(static_cast<std::size_t>(s.heads * s.queries * s.head_dim));
  for (Index i = 0; i < s.heads * s.queries * s.head_dim; ++i) {
    const Index head = i / (s.queries * s.head_dim);
    q[i] = aims[head * s.head_dim + i % s.head_dim] + 1.2f * normal(Stream::prompt, static_cast<std::uint64_t>(i));
  }
  return q;
}

Shape with_queries(Shape s, Index queries) {
  s.queries = queries;
  return s;
}

/// The kernels of `b` with tile registers, where these are in use.
crest::Backend with_tiles(crest::Backend b) {
  const crest::Backend amx = crest::Backend::named("amx");
  return amx.available() && b == crest::Backend::named("avx512") ? amx : b;
}

/// The last `queries` positions of a prompt.
class PromptBench {
 public:
  PromptBench(const Case& c, Index queries)
      : case_(c),
        inputs_(with_queries(c.shape, queries)),
        q_(make_prompt(inputs_.shape)),
        out_(q_.size()),
        problem_(inputs_.problem(q_, out_)) {}

  /// |o - exact| / |exact|, mean over rows.
  double sparse_error() {
    if (exact_.empty()) {
      const std::vector<float> sparse = out_;
      check(crest::attention(problem_).status);
      exact_ = out_, out_ = sparse;
    }
    const Index dim = case_.shape.head_dim, rows = static_cast<Index>(out_.size()) / dim;
    double sum = 0;
    for (Index r = 0; r < rows; ++r) sum += row_error(out_.data() + r * dim, exact_.data() + r * dim, dim);
    return sum / static_cast<double>(rows);
  }

  std::vector<FeatureRow> run(const Effort& effort) {
    const bool whole = problem_.queries() == case_.shape.keys;
    ReadLimit limit(inputs_.k.bytes(), inputs_.v.bytes(), 1);
    FeatureSet set{whole ? "prompts" : "sparse", case_, &limit};
    Feature& exact = set.add(whole ? "whole, exact" : "last 480, exact", problem_);
    exact.error = [this] { return reference(problem_).relative_error(problem_.o); };
    exact.goals = {{Goal::Of::peak, case_.shape.head_dim < 128 ? 0.6 : 0.7}};
    if (whole && crest::Backend::named("amx").available()) {
      Feature& mixed = set.add("whole, mixed", [this](crest::Backend b) {
        return crest::attention(problem_, crest::mixed, crest::this_thread_serial(), with_tiles(b));
      });
      mixed.error = [this] { return reference(problem_).relative_error(problem_.o); };
    }
    for (float budget : {0.1f, 0.15f, 0.2f, 0.3f}) {
      if (whole) break;
      Feature& f =
          set.add("sparse " + std::to_string(budget).substr(0, 4), problem_, crest::sparse.with({.budget = budget}));
      f.error = [this] { return sparse_error(); };
      if (budget == 0.15f && case_.shape.keys == 32768) f.goals = {{Goal::Of::ratio, 1.0 / 3}, {Goal::Of::error, 0.03}};
    }
    return measure(set, effort);
  }

 private:
  Case case_;
  PeakedInputs<f16> inputs_;
  std::vector<float> q_, out_, exact_;
  crest::Problem<f16> problem_;
};

}  // namespace

std::vector<FeatureRow> measure_prompts(const Case& c, const Effort& effort) {
  return PromptBench(c, c.shape.keys).run(effort);
}
std::vector<FeatureRow> measure_sparse(const Case& c, const Effort& effort) { return PromptBench(c, 480).run(effort); }

}  // namespace bench
