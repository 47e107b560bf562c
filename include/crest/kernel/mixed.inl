// Mixed precision for prompts: rows as in a prefill, products by tile registers, and an error that is told.
//
// Rounding to bf16 moves a number by a share of about `bf16_error` (root mean square). A row's weights are rounded,
// and their sum is that of rounded weights, so that a row of one heavy key loses nothing. With independent roundings
// error^2 = bf16_error^2 sum (w |v|)^2 / |o|^2, twice that where the values are rounded too.

inline constexpr float bf16_error = 0.00166f;  ///< 2^-8 / sqrt(3), over mantissas whose logarithm is uniform

/// Sums up what rounding weights may cost.
template <class T, class Rows>
struct RoundedWeights {
  const Rows& rows;
  float* spread;  ///< [rows][pad]: lanes of sum (w |v|)^2

  template <int N>
  CREST_INLINE void begin(const TileKeys<N>&) const {}
  CREST_INLINE void weigh_up(float*) const {}
  /// moved: how far the row's reference rose.
  template <class Tiles>
  CREST_INLINE void note(Index i, const float*, const InBf16<Tiles>& weigher, float moved) const {
    float* const to = spread + i * GroupShape::pad;
    store(to, fma(load(to), broadcast(moved > 0 ? std::exp2(-2 * moved) : 1.0f), weigher.costs));
  }
  /// Errors of a vector's width of rows, the `first` and those after it; the last row stands for those behind it. Not a
  /// number where sums of squares are out of range: such rows vouch for nothing.
  void errors(Index first, float* to) const {
    constexpr int W = Vec::width;
    Vec cost[W], own[W];
    for (int r = 0; r < W; ++r) {
      const Index i = std::min(first + r, rows.count - 1);
      cost[r] = load(spread + i * GroupShape::pad);
      own[r] = squares(rows.row(i).o, rows.shape.o_pitch());
    }
    float costs[W], lengths[W];
    store(costs, sums(cost)), store(lengths, sums(own));
    for (int r = 0; r < W; ++r) {
      const bool known = lengths[r] <= std::numeric_limits<float>::max();
      const float share = known ? costs[r] / lengths[r] : std::numeric_limits<float>::quiet_NaN();
      to[r] = bf16_error * std::sqrt(share * (std::is_same_v<T, bf16> ? 1 : 2));
    }
  }
};

/// The first `n` units of a mixed task, in floats.
template <class T, class R>
void attend_in_floats(const TaskCall<T>& c, const R& recipe, const Unit* units, Index n) {
  if (n == 0) return;
  Prefill<T, R> rows(c, recipe, prefill_shape(c.plan));
  std::memmove(rows.units, units, static_cast<std::size_t>(n) * sizeof(Unit));
  attend_units(rows, n);
  c.tally.fallbacks += n;
  for (Index i = 0; i < n; ++i) c.tally.keys_scored += Visible(c.p, rows.units[i].query).count(c.task.keys);
  c.tally.bytes_read += static_cast<std::uint64_t>(union_count(c.p, c.task.queries, c.task.keys)) * row_bytes(c.p);
}

template <class T, class R, class Tiles>
void attend_mixed(const TaskCall<T>& c, const R& recipe, Tiles& tiles) {
  using Rows = Prefill<T, R, TileProducts<T, Tiles>>;
  const MixedShape shape = mixed_shape(c.plan);
  tiles.begin();
  const bool guests = any_variant(recipe).variant != nullptr;
  Rows rows(c, recipe, shape, tiles, guests);
  rows.begin(rows.take());
  const RoundedWeights<T, Rows> weights{rows, c.floats() + shape.spread()};
  std::fill_n(weights.spread, rows.count * GroupShape::pad, 0.0f);
  c.tally.rescales += rows.attend_all(weights);
  const float most = most_error(recipe.options.target_error);
  Index again = 0;
  float errors[Vec::width];
  for (Index i = 0; i < rows.count; ++i) {
    if (i % Vec::width == 0) weights.errors(i, errors);
    rows.prefetch_row(c.p.o, i);
    const Unit u = rows.units[i];
    const Index n = Visible(c.p, u.query).count(c.task.keys);
    const float error = n == 0 ? 0.0f : errors[i % Vec::width];
    if (!(error <= most)) {
      rows.units[again++] = u;
      continue;
    }
    finish_unit<R>(c, rows.row(i), u);
    write_error(c.p, u.first_head, u.query, error);
    c.tally.worst_error = std::max(c.tally.worst_error, error);
  }
  attend_in_floats(c, recipe, rows.units, again);
}

/// A task of the recipe mixed that has many rows and something to multiply tiles with.
template <class T, class R>
void mixed_task(const TaskCall<T>& c, const R& recipe) {
  static_assert(!Uniform<R>, "products of bf16 need weights that tell scores apart");
  with_tiles(c.plan.unit, [&](auto& tiles) { attend_mixed(c, recipe, tiles); });
  count_scan<R>(c, LoadedValues(0));
}
