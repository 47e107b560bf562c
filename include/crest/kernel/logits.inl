// What happens to a score between q . k and the softmax: LogitOptions in their order, then the caller's variant. Scores
// are in log2 units here; the caller's code sees nats. Calls without any of it pay one branch per block.

/// 2^x - 1, exact to rounding near 0 as well; x is clamped to -127 .. 60.
CREST_INLINE Vec exp2_minus_1(Vec x) {
  x = min(broadcast(60.0f), max(broadcast(-127.0f), x));
  const Vec n = round(x), f = x - n, power = exp2_integer(n);
  return fma(exp2_slope(f) * f, power, power - broadcast(1.0f));
}

/// HT rows become their elements by turns: a[0] holds the first W / HT elements of each.
template <int HT>
CREST_INLINE void interleave(Vec* a) {
  if constexpr (HT == 4) interleave(a);
  if constexpr (HT == 2) {
    float rows[2][Vec::width], turns[2 * Vec::width];
    store(rows[0], a[0]), store(rows[1], a[1]);
    for (int i = 0; i < 2 * Vec::width; ++i) turns[i] = rows[i % 2][i / 2];
    a[0] = load(turns), a[1] = load(turns + Vec::width);
  }
}

/// A variant of any type, as two functions compiled for this region. Kernels need not be compiled for each variant.
struct AnyVariant {
  const void* variant = nullptr;
  void (*transform)(const void* variant, std::span<float> logits) = nullptr;
  void (*mask)(const void* variant, const LogitTile& tile) = nullptr;
};

template <class V>
void transform_any(const void* variant, std::span<float> logits) {
  const V& v = *static_cast<const V*>(variant);
  if constexpr (requires { transform_logits(Region{}, v, logits); })
    transform_logits(Region{}, v, logits);
  else
    v.transform(logits);
}
template <class V>
void mask_any(const void* variant, const LogitTile& tile) {
  const V& v = *static_cast<const V*>(variant);
  if constexpr (requires { mask_logits(Region{}, v, tile); })
    mask_logits(Region{}, v, tile);
  else
    v.mask(tile);
}
/// What a recipe's variant does; nothing where it has none.
template <class R>
CREST_INLINE AnyVariant any_variant(const R& recipe) {
  AnyVariant any;
  if constexpr (requires { recipe.variant; }) {
    using V = std::remove_cvref_t<decltype(recipe.variant)>;
    any.variant = &recipe.variant;
    if constexpr (TransformsLogits<V>) any.transform = transform_any<V>;
    if constexpr (MasksLogits<V>) any.mask = mask_any<V>;
  }
  return any;
}

/// How the logits of some heads at one query change.
class Logits {
 public:
  template <class T>
  Logits(const Problem<T>& p, const AnyVariant& variant, const Unit& u)
      : o_(p.logits),
        variant_(variant),
        first_(u.first_head),
        heads_(u.shape.heads),
        query_(u.query),
        place_(o_.place(u.query, p.queries(), p.keys())),
        changes_(!o_.unchanged() || variant.variant) {}

  /// A block of scores w[KEYS][HT] of head tile `tile`.
  template <int KEYS, int HT>
  CREST_INLINE void apply(const Index* key, Index tile, float* w) const {
    if (changes_) [[unlikely]]
      change_block<KEYS, HT>(key, tile, w);
  }
  /// Estimated scores of one head: `n` keys from `key` on, a multiple of every vector width.
  CREST_INLINE void estimates(Index head, Index key, Index n, float* scores) const {
    if (changes_) [[unlikely]]
      change_row(head, key, n, scores);
  }

 private:
  template <int KEYS, int HT>
  [[gnu::noinline]] void change_block(const Index* key, Index tile, float* w) const {
    constexpr int all = KEYS * HT;
    if (o_.softcap > 0) cap(w, all);
    if (!o_.slopes.empty()) add_slopes<KEYS, HT>(key, tile, w);
    if (!o_.bias.absent()) add_bias<KEYS, HT>(key, tile, w);
    if (!variant_.variant) return;
    scale(w, all, ln_2);
    if (variant_.transform) variant_.transform(variant_.variant, {w, all});
    const Index first = tile * HT;
    if (variant_.mask)
      variant_.mask(variant_.variant,
                    {w, key, KEYS, std::min<Index>(HT, heads_ - first), HT, first_ + first, query_, place_});
    scale(w, all, log2_e);
  }

  [[gnu::noinline]] void change_row(Index head, Index key, Index n, float* scores) const {
    if (o_.softcap > 0) cap(scores, n);
    if (!o_.slopes.empty()) {
      const float slope = o_.slopes[static_cast<std::size_t>(first_ + head)] * log2_e;
      for (Index i = 0; i < n; ++i) scores[i] += slope * static_cast<float>(key + i - place_);
    }
    if (!variant_.transform) return;
    scale(scores, n, ln_2);
    variant_.transform(variant_.variant, {scores, static_cast<std::size_t>(n)});
    scale(scores, n, log2_e);
  }

  /// cap * tanh(s / cap), with tanh x = (e^2x - 1) / (e^2x - 1 + 2).
  void cap(float* w, Index n) const {
    const Vec in = broadcast(2 / o_.softcap), out = broadcast(o_.softcap * log2_e);
    for (Index i = 0; i < n; i += Vec::width) {
      const Vec e = exp2_minus_1(load(w + i) * in);
      store(w + i, out * (e / (e + broadcast(2.0f))));
    }
  }
  static void scale(float* w, Index n, float by) {
    for (Index i = 0; i < n; i += Vec::width) store(w + i, load(w + i) * broadcast(by));
  }
  /// Query head of a column; columns past the group repeat the last.
  std::size_t head(Index column) const { return static_cast<std::size_t>(first_ + std::min(column, heads_ - 1)); }

  template <int KEYS, int HT>
  void add_slopes(const Index* key, Index tile, float* w) const {
    constexpr int all = KEYS * HT;
    alignas(64) float slope[all], distance[all];
    for (int h = 0; h < HT; ++h) slope[h] = o_.slopes[head(tile * HT + h)] * log2_e;
    for (int i = 0; i < KEYS; ++i)
      for (int h = 0; h < HT; ++h)
        slope[i * HT + h] = slope[h], distance[i * HT + h] = static_cast<float>(key[i] - place_);
    for (int i = 0; i < all; i += Vec::width) store(w + i, fma(load(slope + i), load(distance + i), load(w + i)));
  }

  /// What the bias of a column adds to some keys, or to the next keys where they lie in line.
  template <int KEYS>
  void load_bias(const Index* key, bool in_line, std::size_t at, float* bias) const {
    const Vec factor = broadcast((o_.bias_factors.empty() ? 1.0f : o_.bias_factors[at]) * log2_e);
    with_type(o_.bias.element(), o_.bias.row(static_cast<Index>(at), query_), [&](auto* row) {
      if (!in_line)
        for (int i = 0; i < KEYS; ++i) store_first(bias + i, load_first(row + key[i], 1) * factor, 1);
      else
        for (int i = 0; i < KEYS; i += Vec::width) store(bias + i, load_first(row + key[0] + i, KEYS - i) * factor);
    });
  }
  template <int KEYS, int HT>
  void add_bias(const Index* key, Index tile, float* w) const {
    constexpr int W = Vec::width, all = KEYS * HT, pitch = KEYS > W ? KEYS : W;
    bool in_line = true;  // first and last key do not tell: the last may be repeated behind a hole
    for (int i = 1; i < KEYS; ++i) in_line &= key[i] == key[0] + i;
    alignas(64) float bias[HT * pitch] = {};
    for (int h = 0; h < HT; ++h) load_bias<KEYS>(key, in_line, head(tile * HT + h), bias + h * pitch);
    for (int i = 0; i < KEYS; i += W) {
      float* const to = w + i * HT;
      Vec rows[HT];
      CREST_UNROLL for (int h = 0; h < HT; ++h) rows[h] = load(bias + h * pitch + i);
      interleave<HT>(rows);
      CREST_UNROLL for (int v = 0; v < HT; ++v) if (i * HT + v * W < all) store(to + v * W, load(to + v * W) + rows[v]);
    }
  }

  const LogitOptions& o_;
  AnyVariant variant_;
  Index first_, heads_, query_, place_;
  bool changes_;
};

/// How a call changes the logits of a unit.
template <class T, class R>
CREST_INLINE Logits logits_of(const TaskCall<T>& c, const R& recipe, const Unit& u) {
  return {c.p, any_variant(recipe), u};
}

/// Whether keys may be hidden after they were scored, so that a row can turn out to be empty.
template <class R, class T>
CREST_INLINE bool hides_keys(const Problem<T>& p) {
  return !p.logits.bias.absent() || MasksKeys<R>;
}
