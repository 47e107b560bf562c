// Looking: which keys to score next, and their scores. Memory of a thread: one float per visible key and query head of
// the group, three bits per key; where keys are drawn, one more float per visible key.

/// The keys scored so far for one group at one query.
struct Sight {
  ScoreRows rows;  ///< only those of `scored` hold values
  KeySet scored;
  KeySet fresh;      ///< what a policy asked for last
  KeySet kept;       ///< always used: sinks and the recent window; later all keys selected
  float* peaks;      ///< [pitch], highest score of each head so far, log2 units
  float* masses;     ///< [places], what Masses shows, where keys are drawn
  bool draws;        ///< every scored key counts in the output, kept or not
  QueryPlace query;  ///< for policies

  Sight(std::byte* memory, Index keys, const Places& places, Index pitch, bool drawn)
      : rows{reinterpret_cast<float*>(memory), pitch, places},
        peaks(rows.scores + round_up(places.count * pitch, GroupShape::pad)),
        masses(peaks + round_up(pitch, GroupShape::pad)),
        draws(drawn) {
    const std::size_t n = static_cast<std::size_t>(KeySet::words_for(keys));
    for (Index h = 0; h < pitch; ++h) peaks[h] = unset;
    auto* words = reinterpret_cast<KeySet::Word*>(masses + (drawn ? round_up(places.count, GroupShape::pad) : 0));
    scored = KeySet({words, n});
    fresh = KeySet({words + n, n});
    kept = KeySet({words + 2 * n, n});
    scored.clear();
    kept.clear();
  }
  Scored view(Index heads) const { return Scored(scored, rows, peaks, heads, query); }
  /// Whether a scored key counts in the output.
  bool counts(Index key) const { return draws || kept.contains(key); }
};

/// Scores of the keys of a stream: calls f(key, first head, scores of HT heads) tile by tile.
template <class T, int HT, template <int> class Scores, class Stream, class F>
void score_stream(const Scores<HT>& scores, const Stream& keys, F&& f) {
  BlockRing<T, HT, Stream> ring;
  for_each_block(ring, keys, [&](const Block<T, HT>& block, const auto& coming) {
    for (Index t = 0; t < scores.g.shape.tiles(); ++t) {
      alignas(64) float w[block_keys<HT, T> * HT];
      scores(block, coming, t, w, [](Share) {});
      for (int i = 0; i < block.count; ++i) f(block.key[i], t * HT, w + i * HT);
    }
  });
}

/// The same of the keys of a set.
template <class T, int HT, class F>
void score_set(const RowScores<HT>& scores, const KvRows<T>& rows, const KeySet& keys, F&& f) {
  score_stream<T>(scores, SetStream<T, HT>(rows, keys), f);
}

/// Scores the fresh keys.
template <class T, int HT>
void score_fresh(const RowScores<HT>& scores, const KvRows<T>& rows, const Sight& sight) {
  score_set<T>(scores, rows, sight.fresh, [&](Index key, Index head, const float* w) {
    std::memcpy(sight.rows.row(key) + head, w, HT * sizeof(float));
    float* peaks = sight.peaks + head;
    CREST_UNROLL for (int h = 0; h < HT; ++h) peaks[h] = w[h] > peaks[h] ? w[h] : peaks[h];
  });
}

/// Scores what `ask(round, seen, wanted)` asks for, round after round, until it asks for nothing new. Returns how many
/// keys were scored.
template <class T, int HT, class Ask>
Index look(const RowScores<HT>& scores, const KvRows<T>& rows, std::span<const KeyRange> visible, Sight& sight,
           Ask&& ask) {
  const Scored seen = sight.view(scores.g.shape.heads);
  Index total = 0;
  for (Index round = 0;; ++round) {
    sight.fresh.clear();
    Wanted wanted(sight.fresh, visible);
    ask(round, seen, wanted);
    sight.fresh.subtract(sight.scored);
    const Index count = sight.fresh.count();
    if (count == 0) return total;
    score_fresh<T>(scores, rows, sight);
    sight.scored.unite(sight.fresh);
    total += count;
  }
}

/// Adds to `kept` every scored key that some head of the group wants. NaN scores are kept: they must show.
/// floors: scratch, [padded_heads].
template <int HT, class Selection>
void select(const Group<HT>& g, const Selection& selection, Sight& sight, float* floors) {
  const Scored seen = sight.view(g.shape.heads);
  for (Index h = 0; h < g.shape.padded_heads(); ++h)
    floors[h] = h < g.shape.heads ? selection.floor(seen, h) : std::numeric_limits<float>::infinity();
  for (Index key : sight.scored) {
    const float* score = sight.rows.row(key);
    bool wanted = false;
    for (Index t = 0; t < g.shape.padded_heads(); t += HT)
      CREST_UNROLL for (int h = 0; h < HT; ++h) wanted |= !(score[t + h] * ln_2 < floors[t + h]);
    if (wanted) sight.kept.insert(key);
  }
}

/// Fixes every head's reference from the highest score known.
template <int HT, class Softmax>
void refer_to_peaks(const Group<HT>& g, const Sight& sight, const Softmax& softmax) {
  for (Index h = 0; h < g.shape.heads; ++h)
    if (sight.peaks[h] > unset) g.tile_state(h / HT).refer(static_cast<int>(h % HT), sight.peaks[h], softmax);
}
