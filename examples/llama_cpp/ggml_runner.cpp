#include "ggml_runner.hpp"

#include <cstdint>
#include <string_view>

namespace plugin {
namespace {

ggml_backend_dev_t cpu_device() { return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU); }

/// An optional function of ggml's CPU backend, or null.
template <class Function>
Function cpu_function(const char* name) {
  return reinterpret_cast<Function>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu_device()), name));
}

}  // namespace

GgmlRunner::GgmlRunner() : cpu_(ggml_backend_dev_init(cpu_device(), nullptr)) {
  constexpr std::size_t nodes = 4;
  context_.reset(ggml_init({.mem_size = ggml_graph_overhead_custom(nodes, false) + ggml_tensor_overhead(),
                            .mem_buffer = nullptr,
                            .no_alloc = true}));
  graph_ = ggml_new_graph_custom(context_.get(), nodes, false);
}

/// A row or two are not worth waking threads for.
ggml_status GgmlRunner::run(ggml_tensor* node) {
  constexpr std::int64_t few = 1 << 16;
  static const auto set_threads = cpu_function<ggml_backend_set_n_threads_t>("ggml_backend_set_n_threads");
  const bool small = node->op == GGML_OP_SET_ROWS && ggml_nelements(node->src[0]) < few;
  if (set_threads) set_threads(cpu_.get(), small ? 1 : threads_);
  ggml_graph_clear(graph_);
  ggml_graph_add_node(graph_, node);
  return ggml_backend_graph_compute(cpu_.get(), graph_);
}

bool GgmlRunner::supports(const ggml_tensor* node) { return ggml_backend_dev_supports_op(cpu_device(), node); }

bool GgmlRunner::uses_openmp() {
  const auto features = cpu_function<ggml_backend_get_features_t>("ggml_backend_get_features");
  if (!features) return false;
  for (const ggml_backend_feature* f = features(ggml_backend_dev_backend_reg(cpu_device())); f->name; ++f)
    if (std::string_view(f->name) == "OPENMP") return std::string_view(f->value) == "1";
  return false;
}

}  // namespace plugin
