// Estimates: a score for every key of a KeySketch, from a few bits.
//
// estimate = q . mean of the block + key step * query step * (sum of q byte * code - sum of q byte * middle code).
// Lanes are keys: 16 keys lie side by side, so a load, a shift and a mask give four dimensions of 16 keys, and one dot
// product instruction per query head adds them up; no horizontal sums. At 2 bits and head_dim 128 a key costs 32 bytes
// of codes, 2 of step and 2 of mean, against 512 bytes of f16 K and V.

/// The query heads of a group as the sketch sees them, in a thread's workspace.
struct SketchQuery {
  std::uint32_t* bytes;  ///< [tiles][fields][HT]: four signed bytes each
  float* step;           ///< [padded_heads]: log2 score per unit of byte * key step
  float* offset;         ///< [padded_heads]: sum of byte * middle code
  float* norm;           ///< [padded_heads]: length of the scaled query

  static Index floats(Index padded_heads, Index fields) {
    return round_up(padded_heads * (fields + 3), GroupShape::pad);
  }
  SketchQuery(float* memory, Index padded_heads, Index fields)
      : bytes(reinterpret_cast<std::uint32_t*>(memory)),
        step(memory + padded_heads * fields),
        offset(step + padded_heads),
        norm(offset + padded_heads) {}
};

/// y <- the sketch's coordinates of a query x of head_dim elements; x is overwritten.
inline void map_query(const SketchView& s, float* x, float* y) {
  if (s.query_map.matrix) {
    for (Index i = 0; i < s.mapped; ++i) {
      y[i] = 0;
      for (Index c = 0; c < s.head_dim; ++c) y[i] += s.query_map.matrix[i * s.head_dim + c] * x[c];
    }
    return;
  }
  detail::rotate(x, s.query_map.signs, s.head_dim);
  for (Index i = 0; i < s.mapped; ++i) y[i] = i < s.head_dim ? x[i] : 0.0f;
}

/// The largest byte a query may hold so that 16-bit sums of products cannot overflow, whatever the codes.
inline float byte_limit(const SketchView& s, const float* y, float most) {
  if (with_dot([](auto wide) { return wide.value; })) return 127;
  float low = 0, high = 0;  // a 16-bit lane sums two of the four bytes
  for (std::size_t f = 0; f < s.fields.size(); ++f) {
    const float top = static_cast<float>(s.fields[f].mask & 0xffu);
    low += top * (std::abs(y[4 * f]) + std::abs(y[4 * f + 1]));
    high += top * (std::abs(y[4 * f + 2]) + std::abs(y[4 * f + 3]));
  }
  const float rounding = 2 * static_cast<float>(s.fields.size()) * 15;
  return std::min(127.0f, (32767 - rounding) * most / std::max({low, high, most}));
}

/// Packs the mapped query y of one head into bytes.
inline void pack_query(const SketchView& s, const float* y, Index head, int tile_heads, const SketchQuery& q) {
  float most = 0, offset = 0;
  for (Index i = 0; i < s.mapped; ++i) most = std::max(most, std::abs(y[i]));
  const float limit = byte_limit(s, y, most), inverse = most > 0 ? limit / most : 0;
  const Index fields = static_cast<Index>(s.fields.size());
  std::uint32_t* to = q.bytes + head / tile_heads * tile_heads * fields + head % tile_heads;
  for (Index f = 0; f < fields; ++f, to += tile_heads) {
    *to = 0;
    for (int i = 0; i < 4; ++i) {
      const float scaled = y[4 * f + i] * inverse;
      const int byte = static_cast<int>(scaled < 0 ? scaled - 0.5f : scaled + 0.5f);
      *to |= static_cast<std::uint32_t>(byte & 0xff) << 8 * i;
      offset += static_cast<float>(byte) * s.fields[f].middle;
    }
  }
  q.step[head] = limit > 0 ? most / limit : 0;
  q.offset[head] = offset;
}

/// Vectors of keys estimated at once: as many as the register tile holds sums for.
template <int HT>
inline constexpr int estimate_vectors =
    tile / HT < SketchView::block_keys / Vec::width ? tile / HT : SketchView::block_keys / Vec::width;

/// Memory to be prefetched little by little: at once, it would hold up the loads that are waited for.
struct ScanAhead {
  std::uintptr_t at, end;

  /// Two lines: a field of four bits takes as much in a block.
  CREST_INLINE void touch() {
    if (at >= end) return;
    prefetch_lines(at, 128);
    at += 128;
  }
};

/// Sums of query byte * code for some vectors of keys, the first being `key` of a block, and one tile of heads.
template <int HT, bool Wide>
CREST_INLINE void dot_codes(const SketchView& s, const std::byte* block, Index key, const std::uint32_t* q,
                            ScanAhead& ahead, Vec* dots) {
  constexpr Index W = Vec::width, line = 4 * SketchView::group_keys;
  constexpr int V = estimate_vectors<HT>;
  const std::byte* lane[V];
  CREST_UNROLL for (int v = 0; v < V; ++v) {
    const Index j = key + v * W;
    lane[v] = block + s.codes_at + j / SketchView::group_keys * s.group_bytes() + j % SketchView::group_keys * 4;
  }
  Ints sum[V * HT];
  CREST_UNROLL for (int i = 0; i < V * HT; ++i) sum[i] = zero_ints();
  for (const SketchField& f : s.fields) {
    ahead.touch();
    const Index at = f.dword * line;
    CREST_UNROLL for (int v = 0; v < V; ++v) {
      const Ints codes = bit_field(load_ints(lane[v] + at), f);
      CREST_UNROLL for (int h = 0; h < HT; ++h) sum[v * HT + h] = dot4<Wide>(sum[v * HT + h], codes, q[h]);
    }
    q += HT;
  }
  CREST_UNROLL for (int i = 0; i < V * HT; ++i) dots[i] = sums_of<Wide>(sum[i]);
}

/// Estimates of the 64 keys of block `b`, all heads: out[head][64], log2 units. means: [padded_heads] scores of the
/// mean.
template <int HT, bool Wide>
void estimate_block(const SketchView& s, Index b, const SketchQuery& q, const float* means, Index tiles, float* out) {
  constexpr Index W = Vec::width, all = SketchView::block_keys;
  constexpr int V = estimate_vectors<HT>;
  const std::byte* block = s.block(b);
  const auto coming = reinterpret_cast<std::uintptr_t>(block) + static_cast<std::uintptr_t>(2 * s.block_bytes());
  ScanAhead ahead{coming, coming + static_cast<std::uintptr_t>(s.block_bytes())};
  ahead.touch();  // scales
  BlockHead head;
  std::memcpy(&head, s.head(b), sizeof head);
  for (Index t = 0; t < tiles; ++t)
    for (Index key = 0; key < all; key += V * W) {
      Vec dots[V * HT];
      dot_codes<HT, Wide>(s, block, key, q.bytes + t * HT * static_cast<Index>(s.fields.size()), ahead, dots);
      for (int v = 0; v < V; ++v) {
        const Vec scale = load_scales(block + key + v * W, head.scale_base);
        CREST_UNROLL for (int i = 0; i < HT; ++i) {
          const Index h = t * HT + i;
          const Vec scaled = (dots[v * HT + i] - broadcast(q.offset[h])) * (scale * broadcast(q.step[h]));
          store(out + h * all + key + v * W, scaled + broadcast(means[h]));
        }
      }
    }
}

/// Scores of the means of `count` <= block_keys blocks, the first being `first`: out[block][padded_heads], log2 units.
template <int HT>
void score_means(const SketchView& s, Index first, Index count, const Group<HT>& g, float* out) {
  Block<i8, HT> rows;
  for (Index b = 0; b < rows.keys; ++b)
    rows.k[b] = reinterpret_cast<const i8*>(s.head(first + std::min(b, count - 1)) + sizeof(BlockHead));
  for (Index t = 0; t < g.shape.tiles(); ++t) {
    alignas(64) float w[block_keys<HT, i8> * HT];
    score_block<HT>(rows, RowsAhead<i8, 1>{rows.k}, g.tile_q(t), s.head_dim, w);
    for (Index b = 0; b < count; ++b) {
      BlockHead head;
      std::memcpy(&head, s.head(first + b), sizeof head);
      for (int h = 0; h < HT; ++h) out[b * g.shape.padded_heads() + t * HT + h] = w[b * HT + h] * head.mean_step;
    }
  }
}
