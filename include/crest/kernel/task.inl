// One task of a call: the entry of a backend.

/// Counts and writes the rows of a group whose keys were chosen by looking. Where an estimate exceeds the target, the
/// whole group is done again with every visible key.
template <class T, int HT, class R>
void finish_look(const TaskCall<T>& c, const Choice<HT, R>& choice, const Visible& visible) {
  const auto& [g, recipe, sight, ranges, totals] = choice;
  using Softmax = typename Choice<HT, R>::Softmax;
  const Unit u = c.whole();
  const Index heads = g.shape.heads, n = visible.count(c.task.keys);
  float* share = c.floats() + g.shape.floats();
  estimate_missed<Softmax>(g, sight, ranges, share);
  if constexpr (R::draws)
    if (n > 0) predict_drawn(choice, kv_rows(c.p, c.task.kv_head), share, c.tally);
  measure_steps(g, sight, ranges, c.tally);
  bool vouched = true;
  for (Index h = 0; h < heads; ++h)
    vouched &= recipe.options.target_error <= 0 || share[h] <= recipe.options.target_error;
  if (!vouched) {
    g.clear();
    attend_visible(c, g, recipe, recipe.softmax);
  }
  c.tally.keys_used += used_keys<R>(g, vouched ? sight.kept.count() : n);
  for (Index h = 0; h < heads; ++h) {
    const float estimate = share[h] <= 1 ? share[h] : std::numeric_limits<float>::infinity();
    const float error = vouched ? estimate : 0.0f;
    c.tally.add_error(error);
    write_error(c.p, u.first_head + h, u.query, error);
  }
  if constexpr (Uniform<R>) g.refer_to_none();
  write_group(g, c.p, u.first_head, u.query, hides_keys<R>(c.p) || n == 0);
}

/// One query of one KV head: sample, refine, fix the reference, select, and read the values of the kept keys.
template <class T, int HT, class R>
void look_task(const TaskCall<T>& c, const R& recipe) {
  const Unit u = c.whole();
  const GroupShape& shape = u.shape;
  const KvRows<T> rows = kv_rows(c.p, c.task.kv_head);
  const Visible visible(c.p, u.query);
  const Group<HT> g(shape, c.floats());
  start(g, c.p, u.first_head, u.query);
  Sight sight(c.sight(), c.p.keys(), Places(visible.ranges()), shape.padded_heads(), R::draws);
  sight.query = {c.p.logits.place(u.query, c.p.queries(), c.p.keys()), c.task.kv_head};
  const Logits logits = logits_of(c, recipe, u);
  const auto ask = [&](auto&& policy) {
    return look<T>(RowScores<HT>{g, logits}, rows, visible.ranges(), sight, policy);
  };
  const auto always = [&](Index round, const Scored&, Wanted& wanted) {
    if (round == 0) wanted.add_ends(recipe.options.keep_first, recipe.options.keep_last);
  };
  const Index sampled = ask([&](auto&&... a) { sample(c, g, recipe.sampler, a...); });
  Index scored = sampled + ask(always);
  refer_to_peaks(g, sight, recipe.softmax);
  scored += ask([&](auto... a) { recipe.refiner.refine(a...); });
  if constexpr (NeedsPeak<R>) refer_to_peaks(g, sight, recipe.softmax);
  add_sinks(g, c.p, u.first_head, recipe.softmax);
  const Choice<HT, R> choice{g, recipe, sight, visible.ranges(), c.totals()};
  LoadedValues values(0);
  keep(choice);
  c.tally.rescales += attend_kept(choice, rows, values);
  c.tally.rows += shape.heads;
  c.tally.keys_visible += shape.heads * visible.count(c.task.keys);
  c.tally.keys_sampled += shape.heads * sampled;
  c.tally.keys_scored += shape.heads * scored;
  c.tally.bytes_read += scattered_key_bytes(c.p) * scored +
                        scattered_value_bytes(c.p) * (Uniform<R> ? values.rows() : sight.kept.count());
  finish_look(c, choice, visible);
}

/// A task of a recipe that streams, or of one that leaves a call to exact.
template <class T, int HT, class R>
void stream_task(const TaskCall<T>& c, const R& recipe) {
  if constexpr (R::path == Path::sparse) {
    if constexpr (HT == 1)
      if (c.plan.sparse) return sparse_task(c, recipe);
    if (c.task.split == 0) c.tally.fallbacks += c.p.gqa_group() * length(c.task.queries);
  }
  if constexpr (R::path == Path::mixed) {
    if constexpr (HT == 1)
      if (c.plan.unit != TileUnit::none) return mixed_task(c, recipe);
    if (c.task.split == 0) c.tally.fallbacks += c.p.gqa_group() * length(c.task.queries);
  }
  if constexpr (HT == 1 && !Uniform<R>)
    if (c.plan.prefill) return prefill_task(c, recipe);
  scan_task<T, HT>(c, recipe);
}

/// A task of the recipe integer, or of a variant of it.
template <class T, int HT, class R>
void integer_task(const TaskCall<T>& c, const R& recipe) {
  if constexpr (!is_float_element<T>)
    if (!c.plan.prefill)
      return with_dot([&](auto wide) {
        scan_task<T, HT>(c, recipe, RoundedQueries<decltype(wide)::value>{recipe.options.target_error});
      });
  if (c.task.split == 0) c.tally.fallbacks += c.p.gqa_group() * length(c.task.queries);
  stream_task<T, HT>(c, recipe);
}

template <class T, int HT, class R>
void attend_tiled(const TaskCall<T>& c, const R& recipe) {
  if constexpr (R::path == Path::integer)
    integer_task<T, HT>(c, recipe);
  else if constexpr (streams<R>)
    stream_task<T, HT>(c, recipe);
  else if constexpr (R::path == Path::guide)
    guided_task<T, HT>(c, recipe);
  else
    look_task<T, HT>(c, recipe);
}

/// Runs one task with the head tile that fits its GQA group, or the bands of it that stream.
template <class T, class R>
void attend_task(Region, const TaskCall<T>& c, const R& recipe) {
  switch ((streams<R> ? c.plan.bands.largest() : group_shape(c.p)).tile_heads()) {
    case 1:
      return attend_tiled<T, 1>(c, recipe);
    case 2:
      return attend_tiled<T, 2>(c, recipe);
    default:
      return attend_tiled<T, 4>(c, recipe);
  }
}
