// Where flash attention is left to llama.cpp's choice (its default, "auto"), it looks where the attention nodes of a
// new context's first graph are put, and turns flash attention off when that is another device than the layer's. So the
// first graph is left to ggml: it has one token per sequence, is built once and never run.
#pragma once

#include <map>
#include <mutex>

#include "flash_node.hpp"

namespace plugin {

class FirstGraph {
 public:
  /// A context is made.
  void begin() {
    const std::lock_guard lock(mutex_);
    over_ = false;
    nodes_.clear();
  }

  /// A graph is going to run.
  void end() {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }

  /// Whether the attention node belongs to the first graph, which is over with a node of several queries, or another
  /// node for the same keys. A scheduler may ask for one node several times.
  bool contains(const ggml_tensor* op) {
    const FlashNode node{op};
    const std::lock_guard lock(mutex_);
    if (over_) return false;
    const void* keys = node.k()->view_src ? node.k()->view_src : node.k();
    over_ = node.queries() > 1 || nodes_.try_emplace(keys, op).first->second != op;
    return !over_;
  }

 private:
  std::mutex mutex_;
  bool over_ = false;
  std::map<const void*, const ggml_tensor*> nodes_;  ///< by their keys
};

}  // namespace plugin
