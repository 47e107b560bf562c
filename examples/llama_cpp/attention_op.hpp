// Runs attention nodes with crest.
#pragma once

#include <memory>
#include <optional>

#include "capture.hpp"
#include "masks.hpp"
#include "options.hpp"
#include "team.hpp"

namespace plugin {

/// One per backend, that is per context: threads, scratch memory and what a node needs while it runs.
class AttentionOp {
 public:
  explicit AttentionOp(const Options& options) : options_(options), capture_(options.capture) {}

  void set_threads(int threads);

  /// Masks may have changed: another graph begins, or a node has written into one.
  void forget_masks() { masks_.forget(); }

  /// False when the node must be left to ggml; then nothing was written.
  bool run(const ggml_tensor* node);

 private:
  template <class T>
  bool run_as(const FlashNode& node);
  template <class T>
  std::vector<crest::Problem<T>> problems(const FlashNode& node, const VisibleKeys& visible);
  template <class T>
  std::optional<crest::Guided> guide(const FlashNode& node, std::vector<crest::Problem<T>>& problems) const;
  const crest::SparseOptions* prompts(const FlashNode& node) const;

  Options options_;
  std::unique_ptr<Team> team_ = std::make_unique<Team>(1);
  Masks masks_;
  std::vector<float> slopes_;  ///< ALiBi's, of the node that runs
  Capture capture_;
};

}  // namespace plugin
