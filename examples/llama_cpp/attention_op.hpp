// Runs attention nodes with crest.
#pragma once

#include <memory>
#include <optional>

#include "capture.hpp"
#include "options.hpp"
#include "team.hpp"
#include "visible_keys.hpp"

namespace plugin {

/// One per backend, that is per context: threads, scratch memory and what a node needs while it runs.
class AttentionOp {
 public:
  explicit AttentionOp(const Options& options) : options_(options), capture_(options.capture) {}

  void set_threads(int threads);

  /// False when the node must be left to ggml; then nothing was written.
  bool run(const ggml_tensor* node);

 private:
  template <class T>
  bool run_as(const FlashNode& node);
  template <class T>
  std::optional<crest::Guided> guide(const FlashNode& node, std::vector<crest::Problem<T>>& problems) const;

  Options options_;
  std::unique_ptr<Team> team_ = std::make_unique<Team>(1);
  VisibleKeys visible_;
  Capture capture_;
};

}  // namespace plugin
