// Writes the queries, keys and values of chosen layers as a trace, which examples/01_long_context reads (the format:
// examples/common/trace.hpp). A layer is written once its cache holds the wanted number of keys of one sequence.
#pragma once

#include <map>
#include <vector>

#include "masks.hpp"
#include "options.hpp"

namespace plugin {

class Capture {
 public:
  explicit Capture(const CaptureOptions& options);

  /// A node that has just been computed.
  void see(const FlashNode& node, const VisibleKeys& visible);

 private:
  /// Queries of one layer at the positions of the trace.
  struct Layer {
    std::vector<crest::f16> q;  ///< [heads, positions, head_dim]
    Index taken = 0;            ///< positions
    bool written = false;
  };

  bool wants(const FlashNode& node, int layer) const;
  void take(const FlashNode& node, Index query, Index position, Layer& layer) const;
  void write(const FlashNode& node, int number, Layer& layer);
  void write_meta(const FlashNode& node) const;

  CaptureOptions options_;
  std::vector<std::int64_t> positions_;  ///< ascending
  std::map<int, Layer> layers_;
};

}  // namespace plugin
