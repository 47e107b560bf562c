// One guided task: the steps of guided.inl in order, and what happens when the cheap way cannot vouch for itself.

/// Reads every visible key exactly.
template <class T, int HT, class R>
void guide_exactly(Guide<T, HT>& a, const R& recipe) {
  const Unit u = a.c.whole();
  start(a.g, a.c.p, u.first_head, u.query);
  attend_visible(a.c, a.g, recipe, Lazy{});
  const Index heads = a.shape.group.heads;
  a.c.tally.keys_used += heads * a.seen;
  for (Index h = 0; h < heads; ++h) write_error(a.c.p, u.first_head + h, u.query, 0.0f);
  write_group(a.g, a.c.p, u.first_head, u.query, a.seen == 0);
}

/// The largest predicted error of the group; infinite when one is not a number.
template <class T, int HT>
float worst_prediction(const Guide<T, HT>& a) {
  float worst = 0;
  for (Index h = 0; h < a.shape.group.heads; ++h)
    worst = a.error[h] <= worst ? worst : a.error[h] > worst ? a.error[h] : std::numeric_limits<float>::infinity();
  return worst;
}

/// Draws, reads, combines and predicts, for `rows` drawn rows.
template <class T, int HT>
void attempt(Guide<T, HT>& a, float rows) {
  draw(a, rows);
  read_drawn(a);
  combine(a);
  predict(a);
}

/// With a target: a small first attempt measures how far values lie from the output; the second draws the rows that
/// this says are needed in all, with a margin, the next ones more. False when reading everything would be cheaper.
template <class T, int HT>
bool meet_target(Guide<T, HT>& a, float row_cost) {
  constexpr float margin = 0.95f, grow = 1.3f;
  constexpr int attempts = 4, pilot = 512;
  const float target = a.options.target_error, dense = static_cast<float>(a.dense_bytes());
  float rows = pilot;
  for (int i = 1;; ++i) {
    if (static_cast<float>(a.bytes) + (rows - a.inclusion.expected) * row_cost > dense) return false;
    attempt(a, rows);
    if (worst_prediction(a) <= target) return true;
    if (i == attempts) return false;
    rows = std::min(std::max(grow * rows, rows_needed(a, margin * target)), static_cast<float>(a.open.count()));
  }
}

template <class T, int HT>
bool guide(Guide<T, HT>& a) {
  constexpr Index least_keys = 1536;  // below that, exact is as fast
  constexpr float hopeless = 0.5f;    // predictions above that mean little
  if (a.seen < least_keys || !a.sketch.finite || !prepare_queries(a)) return false;
  split_keys(a);
  if (a.open.count() == 0) return false;
  read_exactly(a, a.exact);
  if (!verify(a)) return false;
  estimate_keys(a);
  if (a.options.draw == Draw::probe) probe_keys(a);
  hide_others(a);
  const std::uint64_t budget = static_cast<std::uint64_t>(a.options.budget * static_cast<double>(a.dense_bytes()));
  const std::uint64_t allowed = budget > a.bytes ? budget - a.bytes : 0;
  if (!settle(a, allowed)) return false;
  const float row_cost = static_cast<float>(drawn_row_bytes(a));
  if (a.options.target_error > 0) return meet_target(a, row_cost);
  const std::uint64_t spent = a.bytes + probe_bytes(a);
  attempt(a, budget > spent ? static_cast<float>(budget - spent) / row_cost : 0.0f);
  return a.options.draw != Draw::mass || worst_prediction(a) <= hopeless;
}

template <class T, int HT, class R>
void guided_task(const TaskCall<T>& c, const R& recipe) {
  const Unit u = c.whole();
  Guide<T, HT> a(c, recipe.options, logits_of(c, recipe, u));
  const Index heads = u.shape.heads;
  c.tally.rows += heads;
  c.tally.keys_visible += heads * a.seen;
  if (guide(a)) {
    for (Index h = 0; h < heads; ++h) {
      c.tally.add_error(a.error[h]);
      write_error(c.p, u.first_head + h, u.query, a.error[h]);
    }
    c.tally.keys_sampled += heads * a.open.count();
    c.tally.keys_used += heads * (a.exact.count() + a.taken.count());
    write_group(a.drawn, c.p, u.first_head, u.query, false);
  } else {
    guide_exactly(a, recipe);
  }
  c.tally.bytes_read += a.bytes;
}
