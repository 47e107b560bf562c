// ggml's own CPU backend, for nodes that the plugin is given but does not compute itself.
#pragma once

#include <memory>

#include "ggml-backend.h"

namespace plugin {

class GgmlRunner {
 public:
  GgmlRunner();

  void set_threads(int threads) { threads_ = threads; }
  ggml_status run(ggml_tensor* node);

  /// Whether ggml can run the node.
  static bool supports(const ggml_tensor* node);
  /// Whether ggml's threads are OpenMP's.
  static bool uses_openmp();

 private:
  struct Free {
    void operator()(ggml_context* context) const { ggml_free(context); }
    void operator()(ggml_backend_t backend) const { ggml_backend_free(backend); }
  };

  std::unique_ptr<ggml_backend, Free> cpu_;
  std::unique_ptr<ggml_context, Free> context_;
  ggml_cgraph* graph_;  ///< in context_
  int threads_ = 1;
};

}  // namespace plugin
