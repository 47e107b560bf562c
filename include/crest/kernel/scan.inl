// Streaming recipes: every visible key of a task, in order. Long caches are split over tasks; a second round of tasks
// merges the partial results pairwise, always in the same order.

/// Keeps a group's unfinished result for merge_task: outputs, references, sums.
template <int HT>
void write_partial(const Group<HT>& g, float* to) {
  const Index outputs = g.shape.outputs();
  for (Index x = 0; x < outputs; x += Vec::width) store(to + x, load(g.o + x));
  for (Index h = 0; h < g.shape.heads; ++h) {
    to[outputs + h] = g.reference(h);
    to[outputs + g.shape.heads + h] = g.sum(h);
  }
}

template <class T>
void count_scan(const TaskCall<T>& c) {
  const Task& task = c.task;
  const Index heads = c.p.gqa_group();
  Index seen = 0;
  for (Index i = task.queries.first; i < task.queries.last; ++i) seen += Visible(c.p, i).count(task.keys);
  c.tally.rows += task.split == 0 ? heads * length(task.queries) : 0;
  c.tally.keys_visible += heads * seen;
  c.tally.keys_scored += heads * seen;
  c.tally.keys_used += heads * seen;
  const Index loaded = length(task.queries) == 1 ? seen : union_count(c.p, task.queries, task.keys);
  c.tally.bytes_read += static_cast<std::uint64_t>(loaded) * row_bytes(c.p);
}

/// Writes what a streaming task found for a unit: rows when it saw all keys, else a partial result.
template <class R, class T, int HT>
void finish_unit(const TaskCall<T>& c, const Group<HT>& g, const Unit& u) {
  if (Uniform<R> && c.plan.splits == 1) g.refer_to_none();
  const Index tile = c.task.queries.first / c.plan.query_tile;
  if (c.plan.splits > 1)
    write_partial(g, c.partials + c.plan.partial(c.task.kv_head, tile, c.task.split, u.at));
  else
    write_group(g, c.p, u.first_head, u.query, hides_keys<R>(c.p) || Visible(c.p, u.query).count(c.task.keys) == 0);
  if (c.task.split > 0) return;
  for (Index h = 0; h < g.shape.heads; ++h) write_error(c.p, u.first_head + h, u.query, 0.0f);
}

/// All keys of one task. Its units share each piece of K and V while it is in the cache.
template <class T, int HT, class R>
void scan_task(const TaskCall<T>& c, const R& recipe) {
  constexpr Index piece = 256;
  const Task& task = c.task;
  const KvRows<T> rows = kv_rows(c.p, task.kv_head);
  const bool alone = length(task.queries) * c.plan.bands.count() == 1;
  const Index step = alone ? length(task.keys) : piece, floats = c.plan.bands.largest().floats();
  const auto group = [&](const Unit& u) { return Group<HT>(u.shape, c.floats() + u.at * floats); };
  const auto each = [&](auto&& f) { c.plan.each_unit(task.kv_head, task.queries, f); };
  const auto pass = [&](const auto& softmax) {
    if (task.split == 0) each([&](const Unit& u) { add_sinks(group(u), c.p, u.first_head, softmax); });
    for (Index at = task.keys.first; at < task.keys.last; at += step)
      each([&](const Unit& u) {
        const Visible visible(c.p, u.query);
        const RangeStream<T, HT> keys(rows, visible.ranges(), {at, std::min(at + step, task.keys.last)});
        const Logits logits = logits_of(c, recipe, u);
        c.tally.rescales += attend<T>(group(u), keys, RowScores<HT>{group(u), logits}, softmax);
      });
  };
  each([&](const Unit& u) { start(group(u), c.p, u.first_head, u.query); });
  if constexpr (NeedsPeak<R>) {
    pass(Peak{});
    each([&](const Unit& u) { group(u).restart(recipe.softmax); });
  }
  pass(recipe.softmax);
  each([&](const Unit& u) { finish_unit<R>(c, group(u), u); });
  count_scan(c);
}

/// Every visible key of a cleared group, exactly.
template <class T, int HT, class R, class Softmax>
Index attend_visible(const TaskCall<T>& c, const Group<HT>& g, const R& recipe, const Softmax& softmax) {
  const Unit u = c.whole();
  const Visible visible(c.p, u.query);
  const Logits logits = logits_of(c, recipe, u);
  const auto pass = [&](const auto& by) {
    const RangeStream<T, HT> all(kv_rows(c.p, c.task.kv_head), visible.ranges(), c.task.keys);
    add_sinks(g, c.p, u.first_head, by);
    return attend<T>(g, all, RowScores<HT>{g, logits}, by);
  };
  if constexpr (!Uniform<Softmax>) return pass(Lazy{});
  const Index moved = pass(Peak{});
  if constexpr (NeedsPeak<Softmax>) g.restart(softmax), pass(softmax);
  return moved;
}

/// Where the outputs of a head begin in a group's memory.
CREST_INLINE Index first_output(const GroupShape& shape, Index head) {
  const Index tile_heads = shape.tile_heads();
  return head / tile_heads * tile_heads * shape.o_pitch() + head % tile_heads * Vec::width;
}

/// Merges the partial result `b` of one head into `a`: the split-KV rule o = sum_i o_i 2^(m_i - m), m = max m_i.
template <class R>
CREST_INLINE void merge_partial(float* a, const float* b, Index head, const GroupShape& shape) {
  const Index m = shape.outputs() + head, l = m + shape.heads;
  const Index pitch = shape.tile_heads() * Vec::width;
  const float reference = a[m] > b[m] ? a[m] : b[m];
  const float left = weight<R>(a[m] - reference), right = weight<R>(b[m] - reference);
  for (Index i = 0, x = first_output(shape, head); i < shape.o_pitch(); i += Vec::width, x += pitch)
    store(a + x, fma(load(a + x), broadcast(left), load(b + x) * broadcast(right)));
  a[l] = a[l] * left + b[l] * right;
  a[m] = reference;
}

/// Merges all partial results of a head into the first, pairwise.
template <class R, class Part>
void merge_splits(Part part, Index splits, Index head, const GroupShape& shape) {
  for (Index step = 1; step < splits; step *= 2)
    for (Index s = 0; s + step < splits; s += 2 * step) merge_partial<R>(part(s), part(s + step), head, shape);
}

/// Finishes the rows of one (KV head, query tile) from the partial results of its splits.
template <class R, class T>
void merge_task(Region, const Problem<T>& p, const Plan& plan, Index kv_head, Index tile, float* partials) {
  const Index first = tile * plan.query_tile;
  plan.each_unit(kv_head, {first, std::min(first + plan.query_tile, plan.queries)}, [&](const Unit& u) {
    const auto part = [&](Index split) { return partials + plan.partial(kv_head, tile, split, u.at); };
    const bool hidden = hides_keys<R>(p) || Visible(p, u.query).count({0, p.keys()}) == 0;
    for (Index head = 0; head < u.shape.heads; ++head) {
      merge_splits<R>(part, plan.splits, head, u.shape);
      const float* whole = part(0);
      const float* m = whole + u.shape.outputs() + head;
      write_row(p, u.first_head + head, u.query,
                {whole + first_output(u.shape, head), u.shape.tile_heads() * Vec::width, Uniform<R> ? 0.0f : *m,
                 m[u.shape.heads], hidden});
    }
  });
}
