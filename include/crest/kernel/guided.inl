// guided: estimate every key, draw the keys that matter, read only those.
//
// One task is one query of one KV head. Bytes (f16, head_dim d, 2 bits, budget b): all keys' codes, d / 4 + 2 + d / 64
// each, in one stream; then the rows drawn, 4 d each, or 2 d from 8-bit rows. The sum over drawn keys of e^s / p over
// the same sum without v is the Horvitz-Thompson ratio: numerator and denominator are unbiased.

/// Everything one guided task works on.
template <class T, int HT>
struct Guide {
  const TaskCall<T>& c;
  const GuidedOptions& options;
  const Logits logits;
  const SketchView& sketch;
  GuideShape shape;
  Group<HT> g;      ///< keys read exactly: sinks, the recent window, the heaviest
  Group<HT> drawn;  ///< keys drawn; its queries are rotated where 8-bit rows are read
  SketchQuery query;
  float *scratch, *means, *steps;
  float *lse, *error;  ///< [heads]: log2 of the whole sum, estimated; predicted relative error
  float* few;          ///< [heads]: 1 + 5 / n_e
  float* noise;        ///< [heads]: mean squared difference of scores and estimates of the keys drawn first
  DrawSpace space;
  KeySet exact, open, taken, probe;
  KvRows<T> rows;
  Visible visible;
  Index seen;                     ///< visible keys
  std::uint64_t bytes = 0;        ///< read so far
  std::uint64_t drawn_bytes = 0;  ///< of these, of rows drawn
  Index draws = 0;                ///< made so far
  Inclusion inclusion{};

  Guide(const TaskCall<T>& call, const GuidedOptions& o, const Logits& changes)
      : c(call),
        options(o),
        logits(changes),
        sketch(*call.sketch),
        shape(guide_shape(call.p, sketch)),
        g(shape.group, c.floats()),
        drawn(shape.group, c.floats() + shape.rotated()),
        query(c.floats() + shape.query(), shape.group.padded_heads(), shape.fields),
        scratch(c.floats() + shape.scratch()),
        means(c.floats() + shape.means()),
        steps(c.floats() + shape.steps()),
        rows(kv_rows(call.p, call.task.kv_head)),
        visible(call.p, call.task.queries.first),
        seen(visible.count(call.task.keys)) {
    auto* words = reinterpret_cast<KeySet::Word*>(c.floats() + shape.sets());
    const auto set = [&](Index i) {
      return KeySet({words + i * shape.blocks(), static_cast<std::size_t>(shape.blocks())});
    };
    exact = set(0), open = set(1), taken = set(2), probe = set(3);
    space = {shape.blocks(),
             shape.group.heads,
             shape.group.padded_heads(),
             c.floats() + shape.estimates(),
             c.floats() + shape.draws(),
             c.floats() + shape.weights(),
             &open};
    lse = scratch + shape.two_rows();
    error = lse + round_up(shape.group.padded_heads(), GroupShape::pad);
    few = error + round_up(shape.group.padded_heads(), GroupShape::pad);
    noise = few + round_up(shape.group.padded_heads(), GroupShape::pad);
  }
  Guide(const Guide&) = delete;

  bool byte_rows() const { return sketch.rows != nullptr; }
  std::uint64_t dense_bytes() const { return static_cast<std::uint64_t>(seen) * row_bytes(c.p); }
  std::uint64_t exact_row_bytes() const { return scattered_key_bytes(c.p) + scattered_value_bytes(c.p); }
  /// Squared length of a combined output.
  float length_of_output(Index head) const {
    const float* o = drawn.tile_o(head / HT);
    float square = 0;
    for (Index x = 0; x < shape.group.value_dim; ++x) square += o[head_place(head, x)] * o[head_place(head, x)];
    const float total = drawn.sum(head);
    return square / (total * total);
  }
  /// One head of a group's memory, in order of dimension.
  void copy_head(const float* from, Index h, Index n, float* to) const {
    for (Index x = 0; x < n; ++x) to[x] = from[head_place(h, x)];
  }
  void put_head(const float* from, Index h, Index n, float* to) const {
    for (Index x = 0; x < n; ++x) to[head_place(h, x)] = from[x];
  }
  /// Place of element x of head h within its tile.
  Index head_place(Index h, Index x) const {
    constexpr Index W = Vec::width;
    return x / W * HT * W + h % HT * W + x % W;
  }
};

/// Queries for the sketch and, rotated, for 8-bit rows. False when a query is not finite.
template <class T, int HT>
bool prepare_queries(Guide<T, HT>& a) {
  const Index dim = a.shape.group.head_dim;
  float *x = a.scratch, *y = x + dim;
  bool finite = true;
  const Unit u = a.c.whole();
  start(a.g, a.c.p, u.first_head, u.query);
  add_sinks(a.g, a.c.p, u.first_head, Lazy{});
  start(a.drawn, a.c.p, u.first_head, u.query);
  for (Index h = 0; h < a.shape.group.heads; ++h) {
    const Index tile = h / HT * HT * a.shape.group.q_pitch();
    a.copy_head(a.g.q + tile, h, dim, x);
    float square = 0;
    for (Index i = 0; i < dim; ++i) square += x[i] * x[i];
    finite &= std::isfinite(square);
    a.query.norm[h] = std::sqrt(square);
    map_query(a.sketch, x, y);
    pack_query(a.sketch, y, h, HT, a.query);
    if (!a.byte_rows()) continue;
    a.copy_head(a.g.q + tile, h, dim, x);
    detail::rotate(x, a.sketch.key_rotation.signs, dim);
    a.put_head(x, h, dim, a.drawn.q + tile);
  }
  return finite;
}

/// Splits the visible keys: `exact` are read from the cache, `open` may be drawn. Keys that are always used are exact,
/// or, where there are 8-bit rows of them, open and `taken` for certain.
template <class T, int HT>
void split_keys(Guide<T, HT>& a) {
  a.exact.clear(), a.open.clear(), a.taken.clear(), a.probe.clear();
  Wanted exact(a.exact, a.visible.ranges()), open(a.open, a.visible.ranges()), taken(a.taken, a.visible.ranges());
  (a.byte_rows() ? taken : exact).add_ends(a.options.keep_first, a.options.keep_last);
  exact.add({a.sketch.coded, a.sketch.keys});
  open.add({0, a.sketch.coded});
  a.open.subtract(a.exact);
  a.taken.subtract(a.exact);
}

/// Reads rows exactly, from the caller's cache.
template <class T, int HT>
void read_exactly(Guide<T, HT>& a, const KeySet& keys) {
  a.c.tally.rescales += attend<T>(a.g, SetStream<T, HT>(a.rows, keys), RowScores<HT>{a.g, a.logits}, Lazy{});
  const Index count = keys.count();
  a.bytes += static_cast<std::uint64_t>(count) * a.exact_row_bytes();
  a.c.tally.keys_scored += a.shape.group.heads * count;
}

/// Whether the sketch still describes a cache row.
template <class T>
bool fresh(const SketchView& s, const KvRows<T>& rows, Index j) {
  return detail::row_hash(rows.key(j), rows.head_dim) == s.hashes[j];
}

template <class T, int HT>
bool all_fresh(const Guide<T, HT>& a, const KeySet& keys) {
  for (Index j : keys)
    if (!fresh(a.sketch, a.rows, j)) return false;
  return true;
}

/// Verifies the rows read exactly, those appended last, and one in 256 of the others, another one each call. The bytes
/// charged do not depend on the turn: what is drawn must not either.
template <class T, int HT>
bool verify(Guide<T, HT>& a) {
  constexpr Index cycle = 256, latest = 4, ahead = 4;
  const auto far = static_cast<std::uintptr_t>(ahead * cycle * a.rows.k.stride * Index{sizeof(T)});
  if (!all_fresh(a, a.exact)) return false;
  const auto visible_and_stale = [&](Index j) { return a.open.contains(j) && !fresh(a.sketch, a.rows, j); };
  for (Index j = std::max<Index>(0, a.sketch.coded - latest); j < a.sketch.coded; ++j)
    if (visible_and_stale(j)) return false;
  for (Index j = a.c.plan.turn % cycle; j < a.sketch.coded; j += cycle) {
    prefetch_lines(reinterpret_cast<std::uintptr_t>(a.rows.key(j)) + far, a.rows.k_bytes());
    if (visible_and_stale(j)) return false;
  }
  a.bytes += static_cast<std::uint64_t>(a.sketch.coded / cycle + 1 + latest) * scattered_key_bytes(a.c.p);
  return true;
}

/// Keeps the steps of blocks for the 8-bit rows drawn later.
template <class T, int HT>
void copy_steps(Guide<T, HT>& a, Index first, Index count) {
  for (Index b = first; b < first + count; ++b) {
    BlockHead head;
    std::memcpy(&head, a.sketch.head(b), sizeof head);
    a.steps[2 * b] = head.k_step;
    a.steps[2 * b + 1] = head.v_step;
  }
}

/// Estimates of all open keys; of their blocks' means alone where another probe takes the place of the codes.
template <class T, int HT>
void estimate_keys(Guide<T, HT>& a) {
  constexpr Index chunk = block_keys<HT, i8>;
  const Index heads = a.shape.group.padded_heads(), tiles = a.shape.group.tiles();
  Index with_means = 0;
  a.space.each([&](Index b, KeySet::Word) {
    if (b >= with_means) {
      const Index count = std::min(chunk, divide_up(a.sketch.coded, SketchView::block_keys) - b);
      score_means(a.sketch, b, count, a.g, a.means + b * heads);
      copy_steps(a, b, count);
      with_means = b + count;
    }
    a.bytes += static_cast<std::uint64_t>(a.sketch.head_bytes());
    if (a.options.draw == Draw::probe) return;
    with_dot([&](auto wide) {
      estimate_block<HT, wide.value>(a.sketch, b, a.query, a.means + b * heads, tiles, a.space.estimate(b, 0));
    });
    for (Index h = 0; h < a.shape.group.heads; ++h)
      a.logits.estimates(h, b * a.space.all, a.space.all, a.space.estimate(b, h));
    a.bytes += static_cast<std::uint64_t>(a.sketch.block_bytes());
  });
}

/// What `clustered` would know of them: one of 16 neighbours is scored exactly and stands for all.
template <class T, int HT>
void probe_keys(Guide<T, HT>& a) {
  constexpr Index step = SketchView::group_keys;
  a.space.each([&](Index b, KeySet::Word word) {
    for (Index i = 0; i < a.space.all; i += step)
      if (const KeySet::Word some = word >> i & 0xffff; some != 0)
        a.probe.insert(b * a.space.all + i + std::countr_zero(some));
  });
  score_set<T>(RowScores<HT>{a.g, a.logits}, a.rows, a.probe, [&](Index key, Index head, const float* w) {
    const Index at = key % a.space.all / step * step;
    for (int h = 0; h < HT; ++h) std::fill_n(a.space.estimate(key / a.space.all, head + h) + at, step, w[h]);
  });
  a.bytes += static_cast<std::uint64_t>(a.probe.count()) * scattered_key_bytes(a.c.p);
  a.probe.clear();
}

/// Keys that are not open weigh nothing.
template <class T, int HT>
void hide_others(Guide<T, HT>& a) {
  a.space.each([&](Index b, KeySet::Word word) {
    if (~word == 0) return;
    for (Index h = 0; h < a.shape.group.heads; ++h)
      hide(a.space.estimate(b, h), word, -std::numeric_limits<float>::infinity());
  });
}

/// Bytes a drawn row costs: whole lines of K and V.
template <class T, int HT>
std::uint64_t drawn_row_bytes(const Guide<T, HT>& a) {
  if (!a.byte_rows()) return a.exact_row_bytes();
  const Index pitch = a.sketch.row_pitch();
  return scattered_bytes<i8>(pitch) + (pitch % 64 != 0 ? 64 : 0);  // rows that are no whole lines straddle one more
}

/// Turns estimates into draws, and reads the heaviest keys exactly where 8-bit rows would round them. `allowed` bytes
/// may be spent on rows; a tenth of them at most goes to heavy keys. False when one of those was rewritten.
template <class T, int HT>
bool settle(Guide<T, HT>& a, std::uint64_t allowed) {
  constexpr float tempering = 0.85f, uniform_share = 0.005f;
  const float heavy_weight = a.options.target_error > 0 && a.options.target_error <= 0.02f ? 0.003f : 0.01f;
  for (Index t = 0; t < a.shape.group.tiles(); ++t) log_sums<HT>(a.space, t, a.lse);
  for (Index h = 0; h < a.shape.group.heads; ++h) a.lse[h] = log2_add(a.lse[h], a.g.log_total(h));
  const float alpha = a.options.draw == Draw::uniform ? 0.0f : a.options.draw == Draw::top ? 1.0f : tempering;
  const float total = weigh_draws(a.space, a.lse, alpha);
  float threshold = std::numeric_limits<float>::infinity();
  if (a.byte_rows() && a.options.draw == Draw::mass) {
    threshold = alpha * std::log2(heavy_weight);
    while (10 * static_cast<std::uint64_t>(count_heavy(a.space, threshold)) * a.exact_row_bytes() > allowed)
      threshold += alpha;
  }
  const float least = a.options.draw == Draw::top ? 0 : uniform_share * total / static_cast<float>(a.open.count());
  settle_draws(a.space, threshold, std::log2(least), a.probe, a.open);
  for (Index j : a.taken)
    if (a.open.contains(j)) make_certain(a.space, j);
  if (!all_fresh(a, a.probe)) return false;
  read_exactly(a, a.probe);
  a.exact.unite(a.probe);
  return true;
}

/// Draws about `rows` rows, those of earlier draws among them; more when hardly any would come from the tail, whose
/// variance then nobody could see.
template <class T, int HT>
void draw(Guide<T, HT>& a, float rows) {
  constexpr float least_sampled = 64;
  const Chance before = chance_at(a.inclusion.log_scale);
  a.inclusion = solve_scale(a.space, rows, a.inclusion.log_scale);
  if (a.inclusion.sampled < least_sampled)
    a.inclusion =
        solve_scale(a.space, a.inclusion.expected - a.inclusion.sampled + least_sampled, a.inclusion.log_scale);
  const bool first = a.draws++ == 0;
  if (first || a.options.draw == Draw::top) a.taken.clear();
  if (a.options.draw == Draw::top) return take_top(a.space, rows, a.taken);
  const Chance now = chance_at(a.inclusion.log_scale);
  const Index position = a.c.p.keys() - a.c.p.queries() + a.c.task.queries.first;
  const std::uint64_t seed = a.options.seed + (static_cast<std::uint64_t>(a.draws - 1) << 32);
  const float offset = detail::walk_start(seed, position, a.c.task.kv_head);
  if (first)
    draw_keys(a.space, now, offset, a.taken);
  else
    draw_keys(a.space, LaterChance{before, now}, offset, a.taken);
}

/// Bytes of the lines of 8-bit rows that the drawn keys touch.
template <class T, int HT>
std::uint64_t byte_row_bytes(const Guide<T, HT>& a) {
  constexpr Index line = 64;
  const Index pitch = a.sketch.row_pitch();
  if (pitch % line == 0) return static_cast<std::uint64_t>(a.taken.count() * pitch);
  Index lines = 0, last = -1;
  for (Index j : a.taken) {
    const Index first = std::max(j * pitch / line, last + 1);
    last = ((j + 1) * pitch - 1) / line;
    lines += last - first + 1;
  }
  return static_cast<std::uint64_t>(lines * line);
}

/// Reads the drawn rows; those of an earlier draw again, from near caches: they weigh less now. Their bytes count once.
template <class T, int HT>
void read_drawn(Guide<T, HT>& a) {
  const bool first = a.draws == 1;
  const Index count = a.taken.count(), heads = a.shape.group.padded_heads();
  const float log_scale = a.options.draw == Draw::top ? 1e30f : a.inclusion.log_scale;
  const DrawnScores<HT> scores{{a.drawn, a.logits}, a.space, log_scale, first ? a.noise : nullptr};
  a.drawn.clear();
  if (first) std::fill_n(a.noise, heads, 0.0f);
  if (a.byte_rows()) {
    const Index pitch = a.sketch.row_pitch();
    const KvRows<i8> rows{
        {a.sketch.rows, pitch}, {a.sketch.rows + a.sketch.head_dim, pitch}, a.sketch.head_dim, a.sketch.value_dim};
    const DrawnByteScores<HT> byte_scores{scores, a.means, a.steps};
    a.c.tally.rescales += attend<i8>(a.drawn, SetStream<i8, HT>(rows, a.taken), byte_scores, Lazy{});
  } else {
    a.c.tally.rescales += attend<T>(a.drawn, SetStream<T, HT>(a.rows, a.taken), scores, Lazy{});
  }
  if (first)
    for (Index h = 0; h < heads; ++h) a.noise[h] /= static_cast<float>(count);
  const std::uint64_t drawn =
      a.byte_rows() ? byte_row_bytes(a) : static_cast<std::uint64_t>(count) * a.exact_row_bytes();
  a.bytes += drawn - a.drawn_bytes;
  a.drawn_bytes = drawn;
  a.c.tally.keys_scored += a.shape.group.heads * count;
}

/// Merges what was read exactly into what was drawn; the result stands in `drawn`, and its rotation, where 8-bit rows
/// are read, in drawn.run.
template <class T, int HT>
void combine(Guide<T, HT>& a) {
  const Index dim = a.shape.group.value_dim;
  float *x = a.scratch, *y = x + dim;
  for (Index h = 0; h < a.shape.group.heads; ++h) {
    const Index tile = h / HT * a.drawn.tile_outputs();
    const float reference = std::max(a.g.reference(h), a.drawn.reference(h));
    const float left = std::exp2(a.g.reference(h) - reference), right = std::exp2(a.drawn.reference(h) - reference);
    a.copy_head(a.drawn.o + tile, h, dim, x);
    if (a.byte_rows()) detail::rotate_back(x, a.sketch.value_rotation.signs, dim);
    a.copy_head(a.g.o + tile, h, dim, y);
    for (Index i = 0; i < dim; ++i) x[i] = x[i] * right + y[i] * left;
    a.put_head(x, h, dim, a.drawn.o + tile);
    a.drawn.tile_state(h / HT).set(h % HT, reference, a.g.sum(h) * left + a.drawn.sum(h) * right);
    if (a.byte_rows()) detail::rotate(x, a.sketch.value_rotation.signs, dim);
    a.put_head(x, h, dim, a.drawn.run + tile);
  }
}
