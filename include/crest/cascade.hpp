// Cascades: sequences with a common prefix read it once for all. The prefix is one problem whose queries are those of
// all sequences; what follows it is a batch of problems; the two results are merged by their log-sum-exps, exactly.
// (Hydragen, arXiv 2402.05099; FlashInfer's cascade.)
#pragma once

#include "crest/attention.hpp"
#include "crest/core/softmax_state.hpp"

namespace crest {
inline namespace CREST_ABI {

/// A row's output and state of a part of its keys, both floats.
struct PartRow {
  const float* o;
  float lse;
};

/// o <- the row over the keys of both parts, lse <- its log-sum-exp. `o` may be the output of a part.
inline void merge_rows(PartRow a, PartRow b, Index value_dim, float* o, float& lse) {
  const SoftmaxState left = SoftmaxState::of_lse(a.lse), right = SoftmaxState::of_lse(b.lse),
                     whole = merge(left, right);
  const float wa = share(left, whole), wb = share(right, whole);
  for (Index x = 0; x < value_dim; ++x) o[x] = wa * a.o[x] + wb * b.o[x];
  lse = whole.lse();
}

namespace detail {

/// What two calls on parts of the keys of the same rows did together: sums, and the larger of what is a maximum.
CREST_INLINE Report both(const Report& a, const Report& b) {
  Report r = b;
  r.keys_visible += a.keys_visible;
  r.keys_sampled += a.keys_sampled;
  r.keys_scored += a.keys_scored;
  r.keys_used += a.keys_used;
  r.rescales += a.rescales;
  r.bytes_read += a.bytes_read;
  r.bytes_dense += a.bytes_dense;
  r.worst_error = std::max(a.worst_error, b.worst_error);
  r.step_max = std::max(a.step_max, b.step_max);
  r.missed_max_bound = std::max(a.missed_max_bound, b.missed_max_bound);
  r.missed_mass = std::max(a.missed_mass, b.missed_mass);
  r.fallbacks += a.fallbacks;
  return r;
}

/// The first rule that a cascade breaks, or ok.
template <class T>
Report check_cascade(const Problem<T>& prefix, std::span<const Problem<T>> rest) {
  Checker c;
  Index queries = 0;
  const auto floats = [](const auto& view) { return view.element() == Element::f32; };
  c.require(floats(prefix.o) && prefix.lse.data_handle() != nullptr, Status::cascade_outputs, 1, 0);
  c.require(prefix.logits.sinks.empty(), Status::cascade_sinks, 0, prefix.heads());
  for (std::size_t i = 0; i < rest.size() && c.report.ok(); ++i) {
    c.report.problem = static_cast<Index>(i);
    c.require(floats(rest[i].o) && rest[i].lse.data_handle() != nullptr, Status::cascade_outputs, 1, 0);
    c.equal(prefix.heads(), rest[i].heads(), Status::cascade_shape);
    c.equal(prefix.value_dim(), rest[i].value_dim(), Status::cascade_shape);
    queries += rest[i].queries();
  }
  c.equal(prefix.queries(), queries, Status::cascade_queries);
  return c.report;
}

/// Merges the prefix's rows from query `first` on into those of a sequence.
template <class T>
void merge_sequence(const Problem<T>& prefix, Index first, const Problem<T>& rest) {
  for (Index h = 0; h < rest.heads(); ++h)
    for (Index i = 0; i < rest.queries(); ++i) {
      float* o = rest.o.address(h, i, 0);
      float& lse = *rest.lse.address(h, i);
      merge_rows({prefix.o.address(h, first + i, 0), *prefix.lse.address(h, first + i)}, {o, lse}, rest.value_dim(), o,
                 lse);
    }
}

}  // namespace detail

/// attention() of sequences rest[0], rest[1] ... each of which also sees all keys of `prefix`.
///
///   prefix.q    [heads, sum of the sequences' queries, head_dim], the sequences one after another; prefix.o and .lse
///               are working memory of as many rows
///   rest[i]     as for attention(); its o [heads, queries, value_dim] and lse [heads, queries] (nats) are the results
///
/// All o and lse are aligned floats and all are needed (Status::cascade_outputs); heads and value_dim are the same in
/// all problems (cascade_shape), the queries of `rest` add up to the prefix's (cascade_queries). Sink logits belong to
/// the sequences, not to the prefix (cascade_sinks); with slopes, give places. What attention() refuses is refused with
/// its status; Report::problem names the sequence. Exact where the recipe is; rows of `error` speak of their own part.
/// The report sums both parts.
template <class T, class Recipe = Exact, class Executor = Serial&, class B = Backend>
Report cascade(const Problem<T>& prefix, std::span<const Problem<T>> rest, const Recipe& recipe = exact,
               Executor&& executor = this_thread_serial(), const B& backend = Backend::best()) {
  if (Report bad = detail::check_cascade(prefix, rest); !bad.ok()) return bad;
  const Report shared = attention(prefix, recipe, executor, backend);
  if (!shared.ok()) return shared;
  const Report own = attention(rest, recipe, executor, backend);
  if (!own.ok()) return own;
  Index first = 0;
  for (const Problem<T>& sequence : rest) {
    detail::merge_sequence(prefix, first, sequence);
    first += sequence.queries();
  }
  return detail::both(shared, own);
}

}  // namespace CREST_ABI
}  // namespace crest
