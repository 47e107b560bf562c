// Attention masks as ranges of keys.
#pragma once

#include <span>
#include <vector>

#include "flash_node.hpp"

namespace plugin {

/// The ranges of keys that each row of a node's mask leaves. Read once for a node, for all of its heads.
class VisibleKeys {
 public:
  /// False when the mask holds anything but 0 (visible) and -inf (hidden).
  bool read(const FlashNode& node);

  /// Restricts a problem of `node` to what its queries see; nothing to do without a mask.
  template <class T>
  void restrict(crest::Problem<T>& p, Index stream) const {
    if (range_of_.empty()) return;
    p.ranges = ranges_;
    p.range_of = std::span(range_of_).subspan(stream * p.queries(), p.queries() + 1);
  }

  std::span<const crest::KeyRange> of_row(Index row) const {
    return std::span(ranges_).subspan(range_of_[row], range_of_[row + 1] - range_of_[row]);
  }

 private:
  bool read_row(const std::uint16_t* row, Index keys);

  std::vector<crest::KeyRange> ranges_;
  std::vector<Index> range_of_;  ///< [streams * queries + 1], or empty: no mask
};

/// One past the last key that some query of a problem sees.
template <class T>
Index last_visible(const crest::Problem<T>& p) {
  if (p.range_of.empty()) return p.keys();
  Index end = 0;
  for (Index i = p.range_of.front(); i < p.range_of.back(); ++i) end = std::max(end, p.ranges[i].last);
  return end;
}

}  // namespace plugin
