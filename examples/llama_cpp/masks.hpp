// Attention masks as ranges of keys.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "flash_node.hpp"

namespace plugin {

/// The ranges of keys that each row of a mask leaves: those that are not -inf.
class VisibleKeys {
 public:
  /// Reads the mask of a node. False when it holds what is no mask: NaN or +inf.
  bool read(const FlashNode& node);

  /// Whether visible keys hold anything but 0, so that the mask is a bias, too.
  bool biased() const { return biased_; }

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
  bool biased_ = false;
};

/// Masks of one graph, each read once, however many layers have it.
///
/// That is right for a mask that is an input of the graph (GGML_TENSOR_FLAG_INPUT): it changes between graphs, before
/// which forget() is called (graph_progress.hpp; and llama.cpp sets the number of threads before every graph), and by
/// nodes that write into it, which the plugin claims (writes_input()) and after which forget() is called, too. Any
/// other mask is read for every node.
class Masks {
 public:
  /// What the node's queries see, valid until the next call; null when its mask is none.
  const VisibleKeys* of(const FlashNode& node);
  void forget() { known_ = 0; }

 private:
  struct Entry {
    const void* data = nullptr;
    std::array<Index, 6> shape{};  ///< of the mask, and keys and queries of the node
    VisibleKeys keys;
    bool is_mask = false;
  };

  Entry& read(const FlashNode& node);

  std::array<Entry, 4> entries_;  ///< the first known_ are of this graph; memory of the others is used again
  std::size_t known_ = 0;
  VisibleKeys all_;
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
