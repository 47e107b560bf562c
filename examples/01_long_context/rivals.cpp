#include "rivals.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace demo {

using crest::f16;
using crest::Index;

namespace {

/// Bytes of `keys` consecutive keys and of their values.
double run_bytes(const Trace& t, Index keys) {
  const auto lines = [](Index halves) { return (halves * static_cast<Index>(sizeof(f16)) + 63) / 64; };
  return 64.0 * static_cast<double>(lines(keys * t.head_dim) + lines(keys * t.value_dim));
}

void append_run(const Trace& t, Index first, Index last, Kept& kept) {
  for (Index key = first; key < last; ++key) kept.keys.push_back(key);
  kept.bytes += run_bytes(t, last - first);
}

/// Numbers of runs of keys, best first.
using Ranking = std::vector<Index>;

template <class F>
Ranking rank(Index runs, F&& score) {
  std::vector<double> scores;
  for (Index run = 0; run < runs; ++run) scores.push_back(score(run));
  Ranking order(runs);
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return scores[a] > scores[b]; });
  return order;
}

/// Rankings of all query heads at all positions, and how a group takes from them.
class Rankings {
 public:
  /// `keys`: per run. rank_row(head, query) -> Ranking of the whole runs the query sees.
  template <class F>
  Rankings(const Trace& trace, Index keys, F&& rank_row) : trace_(&trace), keys_(keys) {
    for (Index head = 0; head < trace.heads; ++head)
      for (Index query = 0; query < trace.queries(); ++query) rankings_.push_back(rank_row(head, query));
  }

  /// While bytes last, every head's next best run in turn; what another head has taken is skipped.
  void take(Index query, Index kv_head, double bytes, Kept& kept) const {
    const Index heads = trace_->gqa_group(), runs = std::ssize(row(kv_head * heads, query));
    const double cost = run_bytes(*trace_, keys_);
    std::vector<bool> taken(runs);
    for (Index i = 0; i < heads * runs && (kept.keys.empty() || kept.bytes + cost <= bytes); ++i) {
      const Index run = row(kv_head * heads + i % heads, query)[i / heads];
      if (taken[run]) continue;
      taken[run] = true;
      append_run(*trace_, run * keys_, (run + 1) * keys_, kept);
    }
  }

 private:
  const Ranking& row(Index head, Index query) const { return rankings_[head * trace_->queries() + query]; }

  const Trace* trace_;
  Index keys_;
  std::vector<Ranking> rankings_;  // [heads][positions]
};

constexpr Index block_keys = 16;

/// Smallest and largest element in each dimension of every block of keys.
struct BlockBounds {
  Index blocks;                        // per KV head; an unfinished one has no bounds
  std::vector<float> lowest, highest;  // [kv_heads][blocks][head_dim]

  BlockBounds(const Trace& trace, const Layer& layer) : blocks(trace.keys / block_keys) {
    for (Index i = 0; i < trace.kv_heads * blocks; ++i)
      add(layer.k.data() + (i / blocks * trace.keys + i % blocks * block_keys) * trace.head_dim, trace.head_dim);
  }

  void add(const f16* keys, Index dim) {
    for (Index x = 0; x < dim; ++x) {
      float least = to_float(keys[x]), most = least;
      for (Index j = 1; j < block_keys; ++j) {
        least = std::min(least, to_float(keys[j * dim + x]));
        most = std::max(most, to_float(keys[j * dim + x]));
      }
      lowest.push_back(least);
      highest.push_back(most);
    }
  }

  /// The largest score that a key of a block could have.
  double bound(const float* q, Index dim, Index kv_head, Index block) const {
    const Index at = (kv_head * blocks + block) * dim;
    double sum = 0;
    for (Index x = 0; x < dim; ++x) sum += std::max(q[x] * lowest[at + x], q[x] * highest[at + x]);
    return sum;
  }
};

/// Number of the block that holds the newest key; all before it are whole.
Index newest_block(const Trace& trace, Index query) { return trace.positions[query] / block_keys; }

/// `n` numbers of one block, as they are read back. ggml's rules: the element farthest from zero becomes the last step
/// of its side, which at 4 bits is the longer, negative one; halves are rounded up at 4 bits, away from zero at 8.
void quantise(const f16* x, Index n, int bits, double* back) {
  float far = 0;
  for (Index i = 0; i < n; ++i)
    if (std::abs(to_float(x[i])) > std::abs(far)) far = to_float(x[i]);
  const float steps = static_cast<float>(1 << (bits - 1)),
              scale = bits == 4 ? far / -steps : std::abs(far) / (steps - 1);
  const float inverse = scale != 0 ? 1 / scale : 0, kept_scale = to_float(crest::to_f16(scale));
  for (Index i = 0; i < n; ++i) {
    const float at = to_float(x[i]) * inverse, step = bits == 4 ? std::floor(at + 8.5f) - 8 : std::round(at);
    back[i] = std::min(step, steps - 1) * double{kept_scale};
  }
}

}  // namespace

Rule sinks_and_recent(const Trace& trace) {
  return [&trace](Index query, Index, double bytes) {
    constexpr Index sinks = 4;
    const Index visible = trace.positions[query] + 1, first = std::min(sinks, visible);
    const double left = bytes - run_bytes(trace, first);
    Index recent = std::clamp<Index>(static_cast<Index>(left / row_bytes(trace)), 0, visible - first);
    while (recent > 0 && run_bytes(trace, recent) > left) --recent;  // a line begun is a line read
    Kept kept;
    append_run(trace, 0, first, kept);
    append_run(trace, visible - recent, visible, kept);
    return kept;
  };
}

Rule best_blocks(const Trace& trace, const Layer& layer) {
  const BlockBounds bounds(trace, layer);
  const Rankings rankings(trace, block_keys, [&](Index head, Index query) {
    const float* q = layer.q.data() + (head * trace.queries() + query) * trace.head_dim;
    return rank(newest_block(trace, query),
                [&](Index b) { return bounds.bound(q, trace.head_dim, head / trace.gqa_group(), b); });
  });
  return [&trace, rankings](Index query, Index kv_head, double bytes) {
    const Index newest = newest_block(trace, query);
    Kept kept;
    append_run(trace, newest * block_keys, trace.positions[query] + 1, kept);
    kept.bytes += static_cast<double>(newest * 2 * trace.head_dim) * sizeof(f16);
    rankings.take(query, kv_head, bytes, kept);
    return kept;
  };
}

Rule true_top_keys(const Trace& trace, const Oracle& oracle) {
  const Rankings rankings(trace, 1, [&](Index head, Index query) {
    return rank(trace.positions[query] + 1, [&](Index key) { return oracle.score(head, query, key); });
  });
  return [rankings](Index query, Index kv_head, double bytes) {
    Kept kept;
    rankings.take(query, kv_head, bytes, kept);
    return kept;
  };
}

double Quantiser::bytes(Index dim) const { return static_cast<double>((dim + 31) / 32) * (4.0 * bits + sizeof(f16)); }

std::vector<double> Quantiser::stored(const std::vector<f16>& once, Index dim) const {
  std::vector<double> back(once.size());
  for (Index row = 0; row < std::ssize(once); row += dim)
    for (Index x = 0; x < dim; x += 32)
      quantise(once.data() + row + x, std::min<Index>(32, dim - x), bits, back.data() + row + x);
  return back;
}

Cache stored(const Trace& trace, const Layer& layer, Quantiser quantiser) {
  return {quantiser.stored(layer.k, trace.head_dim), quantiser.stored(layer.v, trace.value_dim)};
}

}  // namespace demo
