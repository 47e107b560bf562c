// What was left out, estimated from what was scored: every key that was not scored is taken to weigh as much as the
// mean of the scored keys around it (a key at a stride of 16 stands for the 15 others around it). No further byte is
// read.

/// How many of the keys in some ranges lie before a key; asked for ascending keys.
class Rank {
 public:
  explicit Rank(std::span<const KeyRange> ranges) : range_(ranges.data()), end_(range_ + ranges.size()) {}
  Index operator()(Index key) {
    for (; range_ != end_ && range_->last <= key; ++range_) before_ += length(*range_);
    return before_ + (range_ != end_ && key > range_->first ? key - range_->first : 0);
  }

 private:
  const KeyRange* range_;
  const KeyRange* end_;
  Index before_ = 0;
};

/// Calls f(key, stands_for) for each scored key, with how many keys that do not enter the output it stands for.
template <class F>
void for_each_stand_in(const Sight& sight, std::span<const KeyRange> visible, F&& f) {
  Rank rank(visible);
  Index key = -1;
  float half_before = 0;
  const auto emit = [&](float half_after) {
    f(key, half_before + half_after + (sight.counts(key) ? 0.0f : 1.0f));
    half_before = half_after;
  };
  Index done = 0;
  for (Index next : sight.scored) {
    const Index at = rank(next);
    const float gap = static_cast<float>(at - done);
    if (key >= 0)
      emit(gap / 2);
    else
      half_before = gap;  // everything before the first scored key
    key = next;
    done = at + 1;
  }
  if (key >= 0) emit(static_cast<float>(rank(std::numeric_limits<Index>::max()) - done));
}

/// Sums of weights times counts for one tile of heads.
template <int HT, class Softmax>
class WeightSum {
 public:
  CREST_INLINE explicit WeightSum(const TileState<HT>& state) : state_(state) {
    CREST_UNROLL for (int v = 0; v < vectors; ++v) sum_[v] = zero();
  }
  CREST_INLINE void add(const float* scores, float times) {
    for (int h = 0; h < HT; ++h) w_[at_ + h] = scores[h], times_[at_ + h] = times;
    if ((at_ += HT) == all) flush();
  }
  /// Sum of one head.
  float total(int head) {
    if (at_ > 0) flush();
    float lanes[TileState<HT>::lanes], t = 0;
    CREST_UNROLL for (int v = 0; v < vectors; ++v) store(lanes + v * Vec::width, sum_[v]);
    for (int i = head; i < TileState<HT>::lanes; i += HT) t += lanes[i];
    return t;
  }

 private:
  static constexpr int vectors = TileState<HT>::vectors, all = std::max(tile / HT, 8) * HT;

  CREST_INLINE void flush() {
    for (int i = at_; i < all; ++i) w_[i] = -std::numeric_limits<float>::infinity(), times_[i] = 0;
    CREST_UNROLL for (int i = 0; i < all / Vec::width; ++i) {
      const Vec reference = load(state_.reference + i % vectors * Vec::width);
      const Vec x = weight<Softmax>(load(w_ + i * Vec::width) - reference);
      sum_[i % vectors] = fma(x, load(times_ + i * Vec::width), sum_[i % vectors]);
    }
    at_ = 0;
  }

  TileState<HT> state_;
  alignas(64) float w_[all], times_[all];
  Vec sum_[vectors];
  int at_ = 0;
};

/// Share of each head's softmax mass estimated to be left out, 0..1, written to share[head].
template <class Softmax, int HT>
void estimate_missed(const Group<HT>& g, const Sight& sight, std::span<const KeyRange> visible, float* share) {
  for (Index t = 0; t < g.shape.tiles(); ++t) {
    WeightSum<HT, Softmax> left(g.tile_state(t));
    for_each_stand_in(sight, visible, [&](Index key, float stands_for) {
      if (stands_for > 0) left.add(sight.rows.row(key) + t * HT, stands_for);
    });
    for (int h = 0; h < HT; ++h) {
      const float missed = left.total(h);
      share[t * HT + h] = missed > 0 ? missed / (missed + g.sum(t * HT + h)) : missed;
    }
  }
}

/// The largest score change per key between neighbouring scored keys (an empirical Lipschitz constant), and that times
/// the largest distance between them or to an end, which bounds how far a maximum that was passed over can rise above
/// its neighbours: infinite where a single score tells nothing of the others.
template <int HT>
void measure_steps(const Group<HT>& g, const Sight& sight, std::span<const KeyRange> visible, Tally& tally) {
  if (visible.empty()) return;
  const Scored seen = sight.view(g.shape.heads);
  const Index first = visible.front().first, last = visible.back().last - 1;
  float steepest = 0;
  Index widest = 0, scored = 0, before = first;
  for (Index key : sight.scored) {
    const Index step = key - before;
    for (Index h = 0; h < seen.heads && scored > 0; ++h)
      steepest = std::max(steepest, std::abs(seen.score(key, h) - seen.score(before, h)) / static_cast<float>(step));
    widest = std::max(widest, step);
    before = key;
    ++scored;
  }
  widest = std::max(widest, last - before);
  const bool unknown = scored < 2 && widest > 0;
  const float bound = unknown ? std::numeric_limits<float>::infinity() : steepest * static_cast<float>(widest);
  tally.step_max = std::max(tally.step_max, steepest);
  tally.missed_max_bound = std::max(tally.missed_max_bound, bound);
}
