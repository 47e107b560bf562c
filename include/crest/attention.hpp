// The public calls. attention() validates, cuts the work into tasks, picks the backend once and hands the tasks to the
// executor; kernel/task.inl is where a task begins.
#pragma once

#include <ranges>

#include "crest/backend/task_kernels.hpp"
#include "crest/core/check.hpp"
#include "crest/core/executor.hpp"
#include "crest/core/integer_shape.hpp"
#include "crest/core/mixed_shape.hpp"
#include "crest/sketch/key_index.hpp"
#include "crest/sketch/key_sketch.hpp"

namespace crest {
inline namespace CREST_ABI {

/// A user's own backend for whole Problems (an accelerator, a reference): it is handed validated Problems.
template <class B, class T, class R, class E>
concept ProblemBackend = requires(const B b, std::span<const Problem<T>> problems, const R& recipe, E& executor) {
  { b.run(problems, recipe, executor) } -> std::same_as<Report>;
};

namespace detail {

/// What multiplies matrices of bf16 for a recipe on a backend.
template <class R>
TileUnit tile_unit(const R& recipe, Backend backend) {
  if constexpr (R::path == Path::mixed) return recipe.unit(backend.tiles());
  return TileUnit::none;
}

template <class R, class T>
Plan plan(const Problem<T>& p, TileUnit unit) {
  if constexpr (R::path == Path::stream) return plan_streaming(p, !NeedsPeak<R>, !Uniform<R>);
  if constexpr (R::path == Path::integer) return plan_streaming(p, true, true);
  if constexpr (R::path == Path::sparse) return plan_sparse(p);
  if constexpr (R::path == Path::mixed) return plan_mixed(p, unit);
  return plan_looking(p);
}

/// Bytes one thread needs for the tasks of `p`.
template <class R, class T>
std::size_t workspace_bytes(const Problem<T>& p, const Plan& plan) {
  if constexpr (R::path == Path::sparse)
    if (plan.sparse) return sparse_shape(plan).bytes();
  if constexpr (streams<R>) {
    const GroupShape unit = plan.bands.largest();
    const Index rounded = R::path == Path::integer ? IntegerShape{unit}.floats() : 0;
    Index floats = plan.prefill ? prefill_shape(plan).floats() : plan.units() * (unit.floats() + rounded);
    if (plan.unit != TileUnit::none) floats = std::max(floats, mixed_shape(plan).floats());
    return static_cast<std::size_t>(floats) * sizeof(float);
  } else if constexpr (R::path == Path::guide)
    return guide_shape(p, p.sketch->view(0)).bytes();
  else {
    Index floats = look_floats(group_shape(p));
    if constexpr (NeedsIndex<R>) floats += group_floats(group_shape(p), p.index->view(0));
    return static_cast<std::size_t>(floats) * sizeof(float) + sight_bytes(p, R::draws);
  }
}

/// Where the parts of a call's scratch memory lie, in bytes. All parts are 64-byte aligned.
struct Layout {
  std::size_t tallies = 0, workspaces = 0, partials = 0, total = 0;
  std::size_t workspace = 0;  ///< of one thread
  Index tasks = 0, merges = 0;
};

CREST_INLINE std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Plans every problem of a batch; `plans` may be null when only the layout is wanted.
template <class R, class T>
Layout lay_out(std::span<const Problem<T>> problems, TileUnit unit, Index threads, Plan* plans) {
  Layout at;
  Index partial_floats = 0;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    Plan plan = detail::plan<R>(problems[i], unit);
    plan.first_task = at.tasks;
    plan.first_merge = at.merges;
    plan.first_partial = partial_floats;
    at.tasks += plan.tasks();
    at.merges += plan.merges();
    partial_floats += plan.partial_floats();
    if (plan.tasks() > 0) at.workspace = std::max(at.workspace, aligned(workspace_bytes<R>(problems[i], plan)));
    if (plans) plans[i] = plan;
  }
  at.tallies = aligned(problems.size() * sizeof(Plan));
  at.workspaces = at.tallies + aligned(threads * sizeof(ThreadTally));
  at.partials = at.workspaces + threads * at.workspace;
  at.total = at.partials + aligned(partial_floats * sizeof(float));
  return at;
}

/// One call in flight: the problems and the pieces of scratch memory.
template <class T, class R>
struct Call {
  std::span<const Problem<T>> problems;
  const R& recipe;
  Plan* plans;
  ThreadTally* tallies;
  std::byte* workspaces;
  float* partials;
  Layout layout;

  Call(std::span<const Problem<T>> ps, const R& r, TileUnit unit, Index threads, const Layout& at, std::byte* memory)
      : problems(ps),
        recipe(r),
        plans(reinterpret_cast<Plan*>(memory)),
        tallies(reinterpret_cast<ThreadTally*>(memory + at.tallies)),
        workspaces(memory + at.workspaces),
        partials(reinterpret_cast<float*>(memory + at.partials)),
        layout(at) {
    for (Index t = 0; t < threads; ++t) tallies[t] = {};
    lay_out<R>(problems, unit, threads, plans);
    if constexpr (R::path == Path::guide)
      for (std::size_t i = 0; i < problems.size(); ++i) plans[i].turn = problems[i].sketch->next_turn();
  }

  /// The problem whose tasks (or merges) include number `n`.
  Index owner(Index n, Index Plan::*first) const {
    const Plan* after = std::upper_bound(plans, plans + problems.size(), n,
                                         [=](Index at, const Plan& plan) { return at < plan.*first; });
    return after - plans - 1;
  }

  void attend(const TaskKernels<T, R>& kernels, Index thread, Index n) const {
    const Index i = owner(n, &Plan::first_task);
    const Problem<T>& p = problems[i];
    const Task task = plans[i].task(n - plans[i].first_task);
    SketchView sketch;
    if constexpr (R::path == Path::guide) sketch = p.sketch->view(task.kv_head);
    IndexView index;
    if constexpr (NeedsIndex<R>) index = p.index->view(task.kv_head);
    std::byte* workspace = workspaces + thread * layout.workspace;
    kernels.attend({p, plans[i], task, workspace, partials, &sketch, &index, tallies[thread]}, recipe);
  }

  void merge(const TaskKernels<T, R>& kernels, Index thread, Index n) const {
    const Index i = owner(n, &Plan::first_merge), at = n - plans[i].first_merge;
    const Index tiles = plans[i].query_tiles;
    kernels.merge(problems[i], plans[i], at / tiles, at % tiles, partials, tallies[thread]);
  }
};

/// Bytes of K and V that some query of `p` sees, once per KV head.
template <class T>
std::uint64_t dense_bytes(const Problem<T>& p) {
  const Index keys = p.heads() > 0 ? union_count(p, {0, p.queries()}, {0, p.keys()}) : 0;
  return static_cast<std::uint64_t>(p.kv_heads() * keys) * row_bytes(p);
}

/// The first rule that a guided problem breaks, or ok.
template <class R, class T>
Report check_guided(const Problem<T>& p) {
  if (MasksKeys<R>) return {.status = Status::recipe_variant};
  if (!p.logits.bias.absent()) return {.status = Status::bias_guided};
  if (p.sketch == nullptr) return {.status = Status::sketch_null, .expected = 1};
  Checker c;
  c.equal(p.keys(), p.sketch->size(), Status::sketch_keys);
  c.equal(p.kv_heads(), p.sketch->kv_heads(), Status::sketch_kv_heads);
  c.equal(p.head_dim(), p.sketch->head_dim(), Status::sketch_head_dim);
  if (p.sketch->has_rows()) c.equal(p.value_dim(), p.sketch->value_dim(), Status::sketch_value_dim);
  return c.report;
}

/// The first rule that a problem's index breaks, or ok.
template <class T>
Report check_index(const Problem<T>& p, Grouping needed) {
  if (p.index == nullptr) return {.status = Status::index_null, .expected = 1};
  Checker c;
  c.equal(static_cast<Index>(needed), static_cast<Index>(p.index->grouping()), Status::index_grouping);
  c.equal(p.keys(), p.index->size(), Status::index_keys);
  c.equal(p.kv_heads(), p.index->kv_heads(), Status::index_kv_heads);
  c.equal(p.head_dim(), p.index->head_dim(), Status::index_head_dim);
  return c.report;
}

/// The first broken rule of a call, or ok.
template <class T, class R>
Report check_call(std::span<const Problem<T>> problems, const R& recipe) {
  if (const Status status = recipe.check(); status != Status::ok) return {.status = status};
  for (std::size_t i = 0; i < problems.size(); ++i) {
    Report report = check(problems[i]);
    if constexpr (R::path == Path::guide)
      if (report.ok()) report = check_guided<R>(problems[i]);
    if constexpr (NeedsIndex<R>)
      if (report.ok()) report = check_index(problems[i], recipe.sampler.grouping);
    report.problem = static_cast<Index>(i);
    if (!report.ok()) return report;
  }
  return {};
}

template <class T, class R, class E>
Report run_on(Backend backend, std::span<const Problem<T>> problems, const R& recipe, E& executor) {
  const Index threads = executor.size();
  const TileUnit unit = tile_unit(recipe, backend);
  const Layout layout = lay_out<R>(problems, unit, threads, nullptr);
  const std::span<std::byte> memory = executor.scratch(layout.total);
  if (memory.size() < layout.total)
    return {.status = Status::out_of_memory,
            .expected = static_cast<Index>(layout.total),
            .found = static_cast<Index>(memory.size())};
  const Call<T, R> call(problems, recipe, unit, threads, layout, memory.data());
  const TaskKernels kernels = TaskKernels<T, R>::of(backend);
  executor.parallel(layout.tasks, [&](Index thread, Index task) { call.attend(kernels, thread, task); });
  if (layout.merges > 0)
    executor.parallel(layout.merges, [&](Index thread, Index n) { call.merge(kernels, thread, n); });
  Tally total;
  for (Index t = 0; t < threads; ++t) total += call.tallies[t];
  Report report = total.report();
  for (const Problem<T>& p : problems) report.bytes_dense += dense_bytes(p);
  return report;
}

template <class T, class R, class E, class B>
Report attend_all(std::span<const Problem<T>> problems, const R& recipe, E& executor, const B& backend) {
  static_assert(Executor<E>, "crest: an executor needs size(), parallel(tasks, f) and scratch(bytes)");
  static_assert(std::is_same_v<B, Backend> || ProblemBackend<B, T, R, E>,
                "crest: a backend of problems needs Report run(problems, recipe, executor) const");
  if constexpr (std::is_same_v<B, Backend>)
    if (!backend.available()) return {.status = Status::backend};
  const Report bad = check_call(problems, recipe);
  if (!bad.ok()) return bad;
  if constexpr (std::is_same_v<B, Backend>)
    return run_on(backend, problems, recipe, executor);
  else
    return backend.run(problems, recipe, executor);
}

}  // namespace detail

/// Bytes of scratch memory attention() asks an executor of `threads` threads for; 0 for a call that it would refuse.
template <class T, class Recipe = Exact>
std::size_t scratch_bytes(const Problem<T>& problem, const Recipe& recipe = exact, Index threads = 1,
                          Backend backend = Backend::best()) {
  const std::span<const Problem<T>> one(&problem, 1);
  if (!detail::check_call(one, recipe).ok()) return 0;
  return detail::lay_out<Recipe>(one, detail::tile_unit(recipe, backend), threads, nullptr).total;
}

/// o = softmax(scale * q k^T + mask) v for every query head and query of one Problem.
///
/// Exact by default; other recipes are approximate and say so in the Report. An invalid Problem gives a Status that
/// names the field and the rule, and o is untouched. On one backend the result is bitwise the same for any executor and
/// any number of threads. `backend` is a Backend, or a type of the caller's that models ProblemBackend. Never prints,
/// throws or aborts; allocates nothing but through executor.scratch().
template <class T, class Recipe = Exact, class Executor = Serial&, class B = Backend>
Report attention(const Problem<T>& problem, const Recipe& recipe = exact, Executor&& executor = this_thread_serial(),
                 const B& backend = Backend::best()) {
  return detail::attend_all(std::span<const Problem<T>>(&problem, 1), recipe, executor, backend);
}

/// A ragged batch: any contiguous range of Problem<T>, of different lengths, as one pool of tasks. All are validated
/// first; the first bad one stops the call with nothing written, and Report::problem is its index. Outputs must not
/// overlap.
template <std::ranges::contiguous_range Problems, class Recipe = Exact, class Executor = Serial&, class B = Backend>
Report attention(const Problems& problems, const Recipe& recipe = exact, Executor&& executor = this_thread_serial(),
                 const B& backend = Backend::best()) {
  const std::span<const std::ranges::range_value_t<Problems>> all(std::ranges::data(problems),
                                                                  std::ranges::size(problems));
  return detail::attend_all(all, recipe, executor, backend);
}

}  // namespace CREST_ABI
}  // namespace crest
