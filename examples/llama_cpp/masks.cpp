#include "masks.hpp"

#include "cache_node.hpp"
#include "statistics.hpp"

namespace plugin {
namespace {

constexpr std::uint16_t visible = 0, hidden = 0xfc00;  // 0 and -inf as f16

/// First place from `j` on that does not hold `value`, or `end`. 64 bytes a step.
Index skip(const std::uint16_t* row, Index j, Index end, std::uint16_t value) {
  constexpr Index step = 32;
  for (; j + step <= end; j += step) {
    unsigned differs = 0;
    for (Index i = 0; i < step; ++i) differs |= row[j + i] ^ value;
    if (differs) break;
  }
  while (j < end && row[j] == value) ++j;
  return j;
}

/// First place from `j` on that holds no finite number, or `end`.
Index skip_finite(const std::uint16_t* row, Index j, Index end) {
  constexpr std::uint16_t exponent = 0x7c00;
  while (j < end && (row[j] & exponent) != exponent) ++j;
  return j;
}

/// Whether the mask is as it is until the graph ends, or a node that is claimed writes into it.
bool lasts(const ggml_tensor* mask) {
  return mask->op == GGML_OP_NONE && !mask->view_src && mask->flags & GGML_TENSOR_FLAG_INPUT;
}

}  // namespace

bool VisibleKeys::read_row(const std::uint16_t* row, Index keys) {
  for (Index j = skip(row, 0, keys, hidden); j < keys;) {
    const Index plain = skip(row, j, keys, visible), end = skip_finite(row, plain, keys);
    biased_ |= end > plain;
    if (end < keys && row[end] != hidden) return false;
    ranges_.push_back({j, end});
    j = skip(row, end, keys, hidden);
  }
  return true;
}

bool VisibleKeys::read(const FlashNode& node) {
  ranges_.clear();
  range_of_.assign(1, 0);
  biased_ = false;
  for (Index stream = 0; stream < node.streams(); ++stream)
    for (Index query = 0; query < node.queries(); ++query) {
      if (!read_row(node.mask_row(stream, query), node.keys())) return false;
      range_of_.push_back(static_cast<Index>(ranges_.size()));
    }
  return true;
}

const VisibleKeys* Masks::of(const FlashNode& node) {
  const ggml_tensor* mask = node.mask();
  if (!mask) return &all_;
  const std::array<Index, 6> shape{mask->ne[0], mask->ne[1], mask->ne[3], node.keys(), node.queries(), node.streams()};
  const auto same = [&](const Entry& e) { return e.data == mask->data && e.shape == shape; };
  const auto end = entries_.begin() + known_, found = std::find_if(entries_.begin(), end, same);
  Entry& entry = found != end && lasts(mask) ? *found : read(node);
  entry.shape = shape;
  return entry.is_mask ? &entry.keys : nullptr;
}

/// Into the next free entry, which is kept where the mask lasts.
Masks::Entry& Masks::read(const FlashNode& node) {
  if (known_ == entries_.size()) forget();
  Entry& entry = entries_[known_];
  entry.data = node.mask()->data;
  entry.is_mask = entry.keys.read(node);
  known_ += lasts(node.mask());
  Statistics::all().read_mask();
  return entry;
}

}  // namespace plugin
