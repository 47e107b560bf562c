// ggml with the plugin, as llama.cpp sets it up: tensors in memory of their own, a scheduler over crest and the CPU.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml.h"

namespace test {

struct FreeGgml {
  void operator()(ggml_context* context) const { ggml_free(context); }
  void operator()(ggml_backend_buffer* buffer) const { ggml_backend_buffer_free(buffer); }
  void operator()(ggml_backend* backend) const { ggml_backend_free(backend); }
  void operator()(ggml_backend_sched* scheduler) const { ggml_backend_sched_free(scheduler); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeGgml>;

inline Owned<ggml_context> make_context(std::size_t tensors = 128) {
  const std::size_t bytes = tensors * ggml_tensor_overhead() + ggml_graph_overhead();
  return Owned<ggml_context>(ggml_init({bytes, nullptr, true}));
}

/// Tensors in one buffer of their own.
class Memory {
 public:
  ggml_tensor* add(ggml_type type, std::vector<std::int64_t> extents, const char* name = "") {
    ggml_tensor* t = ggml_new_tensor(context_.get(), type, static_cast<int>(extents.size()), extents.data());
    return ggml_set_name(t, name);
  }
  void allocate() {
    buffer_.reset(ggml_backend_alloc_ctx_tensors_from_buft(context_.get(), ggml_backend_cpu_buffer_type()));
  }
  ggml_backend_buffer_t buffer() const { return buffer_.get(); }

 private:
  Owned<ggml_context> context_ = make_context();
  Owned<ggml_backend_buffer> buffer_;
};

/// The plugin, loaded once for the process unless a test unloads it.
class Plugin {
 public:
  static Plugin& loaded() {
    static Plugin plugin;
    return plugin;
  }
  Plugin() : registry_(ggml_backend_load(CREST_TEST_PLUGIN)) {}

  ggml_backend_reg_t registry() const { return registry_; }
  ggml_backend_dev_t device() const { return ggml_backend_reg_dev_get(registry_, 0); }

  /// Also forgets statistics. Returns what the plugin complains of.
  std::string configure(const char* words) const {
    function<void (*)()>("crest_reset_statistics")();
    const char* complaint = function<const char* (*)(const char*)>("crest_configure")(words);
    return complaint ? complaint : "";
  }
  nlohmann::json statistics() const { return nlohmann::json::parse(function<const char* (*)()>("crest_statistics")()); }
  void reset_statistics() const { function<void (*)()>("crest_reset_statistics")(); }
  void set_threads(ggml_backend_t backend, int threads) const {
    function<ggml_backend_set_n_threads_t>("ggml_backend_set_n_threads")(backend, threads);
  }

 private:
  template <class F>
  F function(const char* name) const {
    return reinterpret_cast<F>(ggml_backend_reg_get_proc_address(registry_, name));
  }

  ggml_backend_reg_t registry_;
};

/// What llama.cpp calls a context, as far as ggml is concerned.
class Session {
 public:
  explicit Session(const Plugin& plugin, int threads = 1)
      : plugin_(plugin),
        threads_(threads),
        crest_(ggml_backend_dev_init(plugin.device(), nullptr)),
        cpu_(ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr)) {
    ggml_backend_t backends[] = {crest_.get(), cpu_.get()};
    scheduler_.reset(ggml_backend_sched_new(backends, nullptr, 2, GGML_DEFAULT_GRAPH_SIZE, false, true));
  }

  /// Computes the nodes, in this order, with what they need; all in `context`. `set_inputs` fills what the graph itself
  /// has memory for.
  void run(ggml_context* context, const std::vector<ggml_tensor*>& nodes,
           const std::function<void()>& set_inputs = nullptr) {
    graph_ = ggml_new_graph(context);
    for (ggml_tensor* node : nodes) ggml_build_forward_expand(graph_, node);
    ggml_backend_sched_reset(scheduler_.get());
    ASSERT_TRUE(ggml_backend_sched_alloc_graph(scheduler_.get(), graph_));
    if (set_inputs) set_inputs();
    run_as_llama_cpp();
    ggml_backend_sched_synchronize(scheduler_.get());
  }

  /// Computes the last graph once more as llama.cpp does: sets the number of threads, and does not wait.
  void run_as_llama_cpp() {
    plugin_.set_threads(crest_.get(), threads_);
    ASSERT_EQ(ggml_backend_sched_graph_compute_async(scheduler_.get(), graph_), GGML_STATUS_SUCCESS);
  }
  /// The same, as a program does that waits, and knows nothing of threads.
  void run_and_wait() { ASSERT_EQ(ggml_backend_sched_graph_compute(scheduler_.get(), graph_), GGML_STATUS_SUCCESS); }

  /// Whether the last run gave the node to crest.
  bool given_to_crest(ggml_tensor* node) const {
    return ggml_backend_sched_get_tensor_backend(scheduler_.get(), node) == crest_.get();
  }

 private:
  const Plugin& plugin_;
  int threads_;
  Owned<ggml_backend> crest_, cpu_;
  Owned<ggml_backend_sched> scheduler_;
  ggml_cgraph* graph_ = nullptr;  ///< the last one, in its context
};

}  // namespace test
