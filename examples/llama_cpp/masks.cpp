#include "visible_keys.hpp"

namespace plugin {
namespace {

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

}  // namespace

bool VisibleKeys::read_row(const std::uint16_t* row, Index keys) {
  constexpr std::uint16_t visible = 0, hidden = 0xfc00;  // 0 and -inf as f16
  for (Index j = skip(row, 0, keys, hidden); j < keys;) {
    const Index end = skip(row, j, keys, visible);
    if (end == j) return false;
    ranges_.push_back({j, end});
    j = skip(row, end, keys, hidden);
  }
  return true;
}

bool VisibleKeys::read(const FlashNode& node) {
  ranges_.clear();
  range_of_.clear();
  if (!node.mask()) return true;
  range_of_.push_back(0);
  for (Index stream = 0; stream < node.streams(); ++stream)
    for (Index query = 0; query < node.queries(); ++query) {
      if (!read_row(node.mask_row(stream, query), node.keys())) return false;
      range_of_.push_back(static_cast<Index>(ranges_.size()));
    }
  return true;
}

}  // namespace plugin
