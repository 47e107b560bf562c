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

/// Counts the value rows that equal weights make a task load: most blocks end before theirs are needed. A row counts
/// once a pass, however many heads and queries load it. Keys must come window by window.
class LoadedValues {
 public:
  static constexpr Index window = 256;

  CREST_INLINE explicit LoadedValues(Index first) : first_(first) {}
  CREST_INLINE void note(Index key) {
    const Index at = (key - first_) / window, bit = (key - first_) % window;
    if (at != window_) end_window(at);
    bits_[bit / 64] |= std::uint64_t{1} << bit % 64;
  }
  void end_pass() { end_window(-1); }
  Index rows() const { return rows_; }

 private:
  void end_window(Index next) {
    for (std::uint64_t& word : bits_) rows_ += std::popcount(word), word = 0;
    window_ = next;
  }

  Index first_, window_ = -1, rows_ = 0;
  std::uint64_t bits_[window / 64] = {};
};

/// Scores as they are, noting the keys whose values will be loaded.
template <int HT, class Scores>
struct NotedScores {
  Scores scores;
  LoadedValues& loaded;

  template <class T, class Coming, class F>
  CREST_INLINE void operator()(const Block<T, HT>& block, const Coming& coming, Index t, float* w,
                               F&& meanwhile) const {
    scores(block, coming, t, w, meanwhile);
  }
  template <class T>
  CREST_INLINE void scale_values(const Block<T, HT>& block, float* w) const {
    for (int i = 0; i < block.count; ++i) loaded.note(block.key[i]);
    scores.scale_values(block, w);
  }
};

/// attend(), with the values of equal weights noted.
template <class T, int HT, class Stream, class Scores, class Softmax>
Index attend_noting(const Group<HT>& g, const Stream& keys, const Scores& scores, const Softmax& softmax,
                    LoadedValues& loaded) {
  if constexpr (Uniform<Softmax>)
    return attend<T>(g, keys, NotedScores<HT, Scores>{scores, loaded}, softmax);
  else
    return attend<T>(g, keys, scores, softmax);
}

/// Passes over the keys that a policy needs.
template <class Softmax>
inline constexpr Index passes = NeedsPeak<Softmax> ? 2 : 1;

/// K and V bytes of a scan of `rows` keys.
template <class Softmax, class T>
std::uint64_t scanned_bytes(const Problem<T>& p, Index rows, const LoadedValues& loaded) {
  const Index values = Uniform<Softmax> ? loaded.rows() : rows;
  return static_cast<std::uint64_t>(passes<Softmax> * rows) * key_bytes(p) +
         static_cast<std::uint64_t>(values) * value_bytes(p);
}

/// Keys of a row that weigh something: with equal weights the sum counts them, unless a score is NaN.
template <class Softmax>
Index used_keys(float sum, Index most) {
  return Uniform<Softmax> && sum <= static_cast<float>(most) ? static_cast<Index>(sum) : most;
}

template <class Softmax, int HT>
Index used_keys(const Group<HT>& g, Index most) {
  Index used = 0;
  for (Index h = 0; h < g.shape.heads; ++h) used += used_keys<Softmax>(g.sum(h), most);
  return used;
}

template <class R, class T>
void count_scan(const TaskCall<T>& c, const LoadedValues& values) {
  const Task& task = c.task;
  const Index heads = c.p.gqa_group();
  Index seen = 0;
  for (Index i = task.queries.first; i < task.queries.last; ++i) seen += Visible(c.p, i).count(task.keys);
  c.tally.rows += task.split == 0 ? heads * length(task.queries) : 0;
  c.tally.keys_visible += heads * seen;
  c.tally.keys_scored += passes<R> * heads * seen;
  if (!Uniform<R>) c.tally.keys_used += heads * seen;
  const Index loaded = length(task.queries) == 1 ? seen : union_count(c.p, task.queries, task.keys);
  c.tally.bytes_read += scanned_bytes<R>(c.p, loaded, values);
}

/// Writes rows that saw all their keys.
template <class R, class T, int HT>
void write_whole(const TaskCall<T>& c, const Group<HT>& g, const Unit& u) {
  const Index n = Visible(c.p, u.query).count(c.task.keys);
  if (Uniform<R>) c.tally.keys_used += used_keys<R>(g, n);
  write_group(g, c.p, u.first_head, u.query, hides_keys<R>(c.p) || n == 0);
}

/// Writes what a streaming task found for a unit: rows when it saw all keys, else a partial result.
template <class R, class T, int HT>
void finish_unit(const TaskCall<T>& c, const Group<HT>& g, const Unit& u) {
  if (Uniform<R> && c.plan.splits == 1) g.refer_to_none();
  const Index tile = c.task.queries.first / c.plan.query_tile;
  if (c.plan.splits > 1)
    write_partial(g, c.partials + c.plan.partial(c.task.kv_head, tile, c.task.split, u.at));
  else
    write_whole<R>(c, g, u);
  if (c.task.split > 0) return;
  for (Index h = 0; h < g.shape.heads; ++h) write_error(c.p, u.first_head + h, u.query, 0.0f);
}

/// What a scan scores keys with, and what a unit keeps of it behind its group: here, the queries as they are.
struct PlainQueries {
  CREST_INLINE static constexpr Index floats(const GroupShape&) { return 0; }
  template <class... A>
  CREST_INLINE void begin(const A&...) const {}
  template <int HT, class F>
  CREST_INLINE Index with_scores(const RowScores<HT>& rows, float*, F&& f) const {
    return f(rows);
  }
  template <class... A>
  CREST_INLINE void finish(const A&...) const {}
};

/// Units of a scan in a thread's workspace.
template <int HT>
struct UnitSpace {
  float* floats;
  Index group_floats, unit_floats;

  CREST_INLINE float* at(const Unit& u) const { return floats + u.at * unit_floats; }
  CREST_INLINE Group<HT> group(const Unit& u) const { return {u.shape, at(u)}; }
  CREST_INLINE float* behind(const Unit& u) const { return at(u) + group_floats; }
};

/// All keys of one task. Its units share each piece of K and V while it is in the cache.
template <class T, int HT, class R, class Queries = PlainQueries>
void scan_task(const TaskCall<T>& c, const R& recipe, const Queries& queries = {}) {
  const Task& task = c.task;
  const KvRows<T> rows = kv_rows(c.p, task.kv_head);
  const bool alone = length(task.queries) * c.plan.bands.count() == 1;
  const Index step = alone ? length(task.keys) : LoadedValues::window, floats = c.plan.bands.largest().floats();
  const UnitSpace<HT> space{c.floats(), floats, floats + Queries::floats(c.plan.bands.largest())};
  const auto group = [&](const Unit& u) { return space.group(u); };
  const auto each = [&](auto&& f) { c.plan.each_unit(task.kv_head, task.queries, f); };
  LoadedValues values(task.keys.first);
  const auto pass = [&](const auto& softmax) {
    if (task.split == 0) each([&](const Unit& u) { add_sinks(group(u), c.p, u.first_head, softmax); });
    for (Index at = task.keys.first; at < task.keys.last; at += step)
      each([&](const Unit& u) {
        const Visible visible(c.p, u.query);
        const Logits logits = logits_of(c, recipe, u);
        const KeyRange clip{at, std::min(at + step, task.keys.last)};
        c.tally.rescales += with_stream<HT>(rows, visible.ranges(), clip, [&](const auto& keys) {
          return queries.with_scores(RowScores<HT>{group(u), logits}, space.behind(u), [&](const auto& scores) {
            return attend_noting<T>(group(u), keys, scores, softmax, values);
          });
        });
      });
    values.end_pass();
  };
  each([&](const Unit& u) {
    start(group(u), c.p, u.first_head, u.query);
    queries.begin(c, group(u), u, space.behind(u));
  });
  if constexpr (NeedsPeak<R>) {
    pass(Peak{});
    each([&](const Unit& u) { group(u).restart(recipe.softmax); });
  }
  pass(recipe.softmax);
  each([&](const Unit& u) {
    finish_unit<R>(c, group(u), u);
    queries.finish(c, group(u), u, space.behind(u));
  });
  count_scan<R>(c, values);
}

/// Every visible key of a cleared group, exactly, where the cheap way could not vouch for itself; counted.
template <class T, int HT, class R, class Softmax>
void attend_visible(const TaskCall<T>& c, const Group<HT>& g, const R& recipe, const Softmax& softmax) {
  const Unit u = c.whole();
  const Visible visible(c.p, u.query);
  const Logits logits = logits_of(c, recipe, u);
  const KvRows<T> rows = kv_rows(c.p, c.task.kv_head);
  const Index n = visible.count(c.task.keys);
  LoadedValues values(c.task.keys.first);
  const auto pass = [&](const auto& by) {
    add_sinks(g, c.p, u.first_head, by);
    c.tally.rescales += with_stream<HT>(rows, visible.ranges(), c.task.keys, [&](const auto& all) {
      return attend_noting<T>(g, all, RowScores<HT>{g, logits}, by, values);
    });
    values.end_pass();
  };
  if constexpr (Uniform<Softmax>)
    pass(Peak{});
  else
    pass(Lazy{});
  if constexpr (NeedsPeak<Softmax>) g.restart(softmax), pass(softmax);
  c.tally.bytes_read += scanned_bytes<Softmax>(c.p, n, values);
  c.tally.keys_scored += passes<Softmax> * g.shape.heads * n;
  c.tally.fallbacks += g.shape.heads;
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
void merge_task(Region, const Problem<T>& p, const Plan& plan, Index kv_head, Index tile, float* partials,
                Tally& tally) {
  const Index first = tile * plan.query_tile;
  plan.each_unit(kv_head, {first, std::min(first + plan.query_tile, plan.queries)}, [&](const Unit& u) {
    const auto part = [&](Index split) { return partials + plan.partial(kv_head, tile, split, u.at); };
    const Index n = Visible(p, u.query).count({0, p.keys()});
    for (Index head = 0; head < u.shape.heads; ++head) {
      merge_splits<R>(part, plan.splits, head, u.shape);
      const float* whole = part(0);
      const float* m = whole + u.shape.outputs() + head;
      write_row(p, u.first_head + head, u.query,
                {whole + first_output(u.shape, head), u.shape.tile_heads() * Vec::width, Uniform<R> ? 0.0f : *m,
                 m[u.shape.heads], hides_keys<R>(p) || n == 0});
      if (Uniform<R>) tally.keys_used += used_keys<R>(m[u.shape.heads], n);
    }
  });
}
