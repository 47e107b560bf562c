#include "rivals.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace demo {

using crest::f16;
using crest::Index;

namespace {

void append(std::vector<Index>& keys, Index first, Index last) {
  for (Index key = first; key < last; ++key) keys.push_back(key);
}

/// `n` numbers of one block, as they are read back. ggml's rules: the element farthest from zero becomes the last step
/// of its side, which at 4 bits is the longer, negative one.
void quantise(const f16* x, Index n, int bits, double* back) {
  float far = 0;
  for (Index i = 0; i < n; ++i)
    if (std::abs(to_float(x[i])) > std::abs(far)) far = to_float(x[i]);
  const float steps = static_cast<float>(1 << (bits - 1)),
              scale = bits == 4 ? far / -steps : std::abs(far) / (steps - 1);
  const float inverse = scale != 0 ? 1 / scale : 0, kept_scale = to_float(crest::to_f16(scale));
  for (Index i = 0; i < n; ++i)
    back[i] = std::min(std::nearbyint(to_float(x[i]) * inverse), steps - 1) * double{kept_scale};
}

}  // namespace

Kept sinks_and_recent(const Trace& trace, Index query, double bytes) {
  constexpr Index sinks = 4;
  const Index visible = trace.positions[query] + 1, all = static_cast<Index>(bytes / row_bytes(trace));
  const Index first = std::min(sinks, visible), recent = std::clamp<Index>(all - first, 1, visible - first);
  Kept kept;
  append(kept.keys, 0, first);
  append(kept.keys, visible - recent, visible);
  kept.bytes = static_cast<double>(kept.keys.size()) * row_bytes(trace);
  return kept;
}

BlockBounds::BlockBounds(const Trace& trace, const Layer& layer)
    : trace_(&trace), layer_(&layer), blocks_(trace.keys / block) {
  const Index d = trace.head_dim;
  for (Index i = 0; i < trace.kv_heads * blocks_; ++i) {
    const f16* keys = layer.k.data() + (i / blocks_ * trace.keys + i % blocks_ * block) * d;
    for (Index x = 0; x < d; ++x) {
      float lowest = to_float(keys[x]), highest = lowest;
      for (Index j = 1; j < block; ++j) {
        lowest = std::min(lowest, to_float(keys[j * d + x]));
        highest = std::max(highest, to_float(keys[j * d + x]));
      }
      lowest_.push_back(lowest);
      highest_.push_back(highest);
    }
  }
}

double BlockBounds::bound(Index head, Index query, Index b) const {
  const Index d = trace_->head_dim, at = (head / trace_->gqa_group() * blocks_ + b) * d;
  const float* q = layer_->q.data() + (head * trace_->queries() + query) * d;
  double sum = 0;
  for (Index x = 0; x < d; ++x) sum += std::max(q[x] * lowest_[at + x], q[x] * highest_[at + x]);
  return sum;
}

std::vector<Index> BlockBounds::ranked(Index head, Index query, Index blocks) const {
  std::vector<double> bounds;
  for (Index b = 0; b < blocks; ++b) bounds.push_back(bound(head, query, b));
  std::vector<Index> order(blocks);
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return bounds[a] > bounds[b]; });
  return order;
}

Kept BlockBounds::best(Index query, Index kv_head, double bytes) const {
  const Index visible = trace_->positions[query] + 1, newest = (visible - 1) / block, group = trace_->gqa_group();
  const double row = row_bytes(*trace_), bounds = 2.0 * static_cast<double>(trace_->head_dim * sizeof(f16));
  std::vector<std::vector<Index>> order;
  for (Index h = 0; h < group; ++h) order.push_back(ranked(kv_head * group + h, query, newest));
  Kept kept;
  append(kept.keys, newest * block, visible);
  kept.bytes = static_cast<double>(newest) * bounds + static_cast<double>(kept.keys.size()) * row;
  std::vector<bool> taken(newest);
  for (Index i = 0; i < newest * group && kept.bytes + block * row <= bytes; ++i) {
    const Index b = order[i % group][i / group];
    if (taken[b]) continue;
    taken[b] = true;
    append(kept.keys, b * block, (b + 1) * block);
    kept.bytes += block * row;
  }
  return kept;
}

double Quantiser::bytes(Index dim) const {
  return static_cast<double>(dim * bits) / 8 + sizeof(f16) * static_cast<double>((dim + 31) / 32);
}

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
