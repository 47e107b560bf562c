// Scores of a KeyIndex's groups, for samplers that choose among them.
//
// A bound on the score of any key of a block is sum_d max(q_d min_d, q_d max_d) = [q+ , q-] . [max | min], with q+ and
// q- the positive and the negative part of q: a dot product like any other, so one loop scores means and bounds.

/// Where the memory of group scores lies, behind the floats of one query.
struct GroupSpace {
  GroupShape shape;  ///< of the summaries: rows without values
  float* query;
  float* scores;       ///< [groups][padded_heads]
  std::int32_t* seen;  ///< [groups]

  GroupSpace(const GroupShape& s, const IndexView& index, float* floats)
      : shape{s.heads, index.row, 0},
        query(floats),
        scores(query + shape.floats()),
        seen(reinterpret_cast<std::int32_t*>(scores + round_up(index.groups * s.padded_heads(), GroupShape::pad))) {}
};

/// Place of element x of a head's query.
template <int HT>
CREST_INLINE Index query_place(const GroupShape& s, Index head, Index x) {
  constexpr Index W = Vec::width;
  return head / HT * HT * s.q_pitch() + x / W * HT * W + head % HT * W + x % W;
}

/// The queries that summaries are scored with: q, or q+ and q- side by side.
template <int HT>
Group<HT> summary_query(const Group<HT>& g, const IndexView& index, const GroupSpace& space) {
  if (index.grouping != Grouping::bounds) return g;
  const Group<HT> wide(space.shape, space.query);
  for (Index x = 0; x < space.shape.padded_heads() * space.shape.q_pitch(); x += Vec::width) store(wide.q + x, zero());
  const Index dim = g.shape.head_dim;
  for (Index h = 0; h < g.shape.heads; ++h)
    for (Index x = 0; x < dim; ++x) {
      const float q = g.q[query_place<HT>(g.shape, h, x)];
      wide.q[query_place<HT>(space.shape, h, x)] = q < 0 ? 0 : q;  // NaN shows
      wide.q[query_place<HT>(space.shape, h, dim + x)] = q < 0 ? q : 0;
    }
  return wide;
}

/// Scores all groups, and counts their visible keys.
template <int HT>
void score_groups(const Group<HT>& g, const IndexView& index, std::span<const KeyRange> visible,
                  const GroupSpace& space) {
  const Group<HT> query = summary_query(g, index, space);
  const PerKey<float> summaries{index.summaries, index.row};
  const KvRows<float> rows{summaries, summaries, index.row, index.row};
  const KeyRange all{0, index.groups};
  score_stream<float>(DotProducts<HT>{query}, RangeStream<float, HT>(rows, {&all, 1}, all),
                      [&](Index group, Index head, const float* w) {
                        std::memcpy(space.scores + group * g.shape.padded_heads() + head, w, HT * sizeof(float));
                      });
  const bool whole = visible.size() == 1 && visible[0] == KeyRange{0, index.keys};
  for (Index group = 0; group < index.groups; ++group) {
    Index seen = whole ? index.size(group) : 0;
    if (!whole) index.each_run(group, [&](KeyRange run) { seen += Visible::count_keys(visible, run); });
    space.seen[group] = static_cast<std::int32_t>(seen);
  }
}

/// What a sampler asks for in one round.
template <class T, int HT, class S>
void sample(const TaskCall<T>& c, const Group<HT>& g, const S& sampler, Index round, const Scored& seen,
            Wanted& wanted) {
  if constexpr (GroupSampler<S>) {
    const IndexView& index = *c.index;
    if (round == 1 && index.older)
      c.tally.bytes_read += static_cast<std::uint64_t>(seen.keys.count()) * sizeof *index.older;
    if (round > 0) return;
    const GroupSpace space(g.shape, index, c.group_floats());
    score_groups(g, index, wanted.visible(), space);
    sampler.choose(GroupScores(index, space.scores, g.shape.padded_heads(), space.seen, g.shape.heads), wanted);
    c.tally.bytes_read += static_cast<std::uint64_t>(index.groups * index.row) * sizeof(float);
  } else {
    sampler.sample(round, seen, wanted);
  }
}
