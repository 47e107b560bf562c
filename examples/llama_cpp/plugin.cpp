// A ggml backend plugin: crest computes the attention of any program that runs on ggml, llama.cpp first of all.
//
// To ggml this is an accelerator beside the CPU, in the CPU's own memory. The scheduler asks supports_op() for every
// node of a graph, and hands over those it agrees to, in runs, to graph_compute().
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "attention_op.hpp"
#include "cache_node.hpp"
#include "first_graph.hpp"
#include "ggml-backend-impl.h"
#include "ggml_runner.hpp"
#include "graph_progress.hpp"
#include "statistics.hpp"

namespace plugin {
namespace {

/// What all contexts share.
struct Device {
  Options options;  ///< of contexts to be made
  FirstGraph first_graph;
  std::atomic<unsigned> asked = 0;  ///< times a scheduler asked for a node, as it does for those of every new graph
  std::atomic<int> guided_contexts = 0;

  bool guides() const { return guided_contexts > 0 || options.recipe == Recipe::guided; }
};

Device device;

/// One context's.
struct Context {
  explicit Context(const Options& chosen) : options(chosen) {
    if (options.recipe == Recipe::guided) ++device.guided_contexts;
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() {
    if (options.recipe == Recipe::guided) --device.guided_contexts;
  }

  Options options;
  AttentionOp attention{options};
  GgmlRunner ggml{};
  GraphProgress progress{};
};

Context& context_of(ggml_backend_t backend) { return *static_cast<Context*>(backend->context); }

void write_statistics(const std::string& to) {
  const std::string json = Statistics::all().json() + "\n";
  if (to == "-")
    std::fputs(("crest: " + json).c_str(), stderr);
  else if (!to.empty())
    std::ofstream(to) << json;
}

// The backend: one per context.

const char* backend_name(ggml_backend_t) { return "crest"; }

void free_backend(ggml_backend_t backend) {
  write_statistics(context_of(backend).options.statistics);
  delete &context_of(backend);
  delete backend;
}

/// Attention by crest; writes into caches, and attention with a mask that is none, by ggml.
ggml_status compute_node(Context& context, ggml_tensor* node) {
  const bool attention = node->op == GGML_OP_FLASH_ATTN_EXT;
  if (attention && context.attention.run(node)) return GGML_STATUS_SUCCESS;
  const ggml_status status = context.ggml.run(node);
  if (writes_input(node)) context.attention.forget_masks();
  if (attention) Statistics::all().left_to_ggml();
  if (writes_cache(node)) {
    tell_written(node);
    Statistics::all().wrote_cache();
  }
  return status;
}

ggml_status graph_compute(ggml_backend_t backend, ggml_cgraph* graph) {
  if (context_of(backend).progress.begins_anew(graph, device.asked)) context_of(backend).attention.forget_masks();
  for (int i = 0; i < ggml_graph_n_nodes(graph); ++i) {
    ggml_tensor* node = ggml_graph_node(graph, i);
    if (only_renames(node) || !(node->flags & GGML_TENSOR_FLAG_COMPUTE)) continue;
    const ggml_status status = compute_node(context_of(backend), node);
    if (status != GGML_STATUS_SUCCESS) return status;
  }
  return GGML_STATUS_SUCCESS;
}

/// llama.cpp does this before every graph it runs.
void set_threads(ggml_backend_t backend, int threads) {
  device.first_graph.end();
  context_of(backend).attention.forget_masks();
  context_of(backend).attention.set_threads(threads);
  context_of(backend).ggml.set_threads(threads);
}

ggml_guid_t guid() {
  static ggml_guid id = {0x63, 0x72, 0x65, 0x73, 0x74, 0x20, 0x66, 0x6f,
                         0x72, 0x20, 0x67, 0x67, 0x6d, 0x6c, 0x20, 0x31};
  return &id;
}

// The device.

const char* device_name(ggml_backend_dev_t) { return "crest"; }
const char* device_description(ggml_backend_dev_t) { return "crest attention on the CPU"; }
enum ggml_backend_dev_type device_type(ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_ACCEL; }

/// None of its own.
void device_memory(ggml_backend_dev_t, size_t* free, size_t* total) { *free = *total = 0; }

void device_properties(ggml_backend_dev_t dev, ggml_backend_dev_props* props) {
  *props = {};
  props->name = device_name(dev);
  props->description = device_description(dev);
  props->type = device_type(dev);
}

ggml_backend_t init_backend(ggml_backend_dev_t dev, const char*) {
  device.first_graph.begin();
  ggml_backend_i functions{};
  functions.get_name = backend_name;
  functions.free = free_backend;
  functions.graph_compute = graph_compute;
  return new ggml_backend{guid(), functions, dev, new Context(device.options)};
}

/// The scheduler moves nodes from the CPU only to a backend with the same kind of buffers.
ggml_backend_buffer_type_t buffer_type(ggml_backend_dev_t) { return ggml_backend_cpu_buffer_type(); }

bool supports_buffer_type(ggml_backend_dev_t, ggml_backend_buffer_type_t type) {
  return ggml_backend_buft_is_host(type);
}

/// Writes into masks are claimed, since these are read once a graph. Those into caches are claimed for guided only,
/// whose sketches must know of them: as long as a context guides, whatever was configured since.
bool supports_op(ggml_backend_dev_t, const ggml_tensor* op) {
  ++device.asked;
  if (only_renames(op)) return true;
  if (device.guides() && writes_cache(op)) return GgmlRunner::supports(op);
  if (device.options.recipe == Recipe::off) return false;
  if (writes_input(op)) return GgmlRunner::supports(op);
  return attention_supported(op) && !device.first_graph.contains(op);
}

ggml_backend_device_i device_functions() {
  ggml_backend_device_i f{};
  f.get_name = device_name;
  f.get_description = device_description;
  f.get_memory = device_memory;
  f.get_type = device_type;
  f.get_props = device_properties;
  f.init_backend = init_backend;
  f.get_buffer_type = buffer_type;
  f.supports_op = supports_op;
  f.supports_buft = supports_buffer_type;
  return f;
}

// What programs may ask for by name: docs/llama-cpp.md.

/// Options for contexts made from now on; null, or what is wrong with them. Not while a context computes.
const char* configure(const char* words) {
  static std::string complaint;
  try {
    device.options = parse_options(words, std::getenv("CREST_BUDGETS"));
    Followers::all().reset(device.options.sketch);
    return nullptr;
  } catch (const std::invalid_argument& bad) {
    complaint = bad.what();
    return complaint.c_str();
  }
}

/// As JSON; valid until the next call.
const char* statistics() {
  static std::string json;
  json = Statistics::all().json();
  return json.c_str();
}

void reset_statistics() { Statistics::all().reset(); }

void* function(ggml_backend_reg_t, const char* name) {
  const std::string_view asked = name;
  if (asked == "ggml_backend_set_n_threads") return reinterpret_cast<void*>(set_threads);
  if (asked == "crest_configure") return reinterpret_cast<void*>(configure);
  if (asked == "crest_statistics") return reinterpret_cast<void*>(statistics);
  if (asked == "crest_reset_statistics") return reinterpret_cast<void*>(reset_statistics);
  return nullptr;
}

ggml_backend_dev_t the_device(ggml_backend_reg_t registry, size_t) {
  static ggml_backend_device only{device_functions(), registry, nullptr};
  return &only;
}

ggml_backend_reg_t registry() {
  static ggml_backend_reg only{GGML_BACKEND_API_VERSION,
                               {.get_name = [](ggml_backend_reg_t) { return "crest"; },
                                .get_device_count = [](ggml_backend_reg_t) -> size_t { return 1; },
                                .get_device = the_device,
                                .get_proc_address = function},
                               nullptr};
  return &only;
}

/// The layout of ggml's structures is that of one version.
bool version_fits() {
  const std::string_view built = CREST_GGML_VERSION, found = ggml_version();
  if (built != found)
    std::fprintf(stderr, "crest: built for ggml %s, but this program runs ggml %s: not loaded\n", CREST_GGML_VERSION,
                 ggml_version());
  return built == found;
}

}  // namespace
}  // namespace plugin

extern "C" ggml_backend_reg_t ggml_backend_init() {
  if (!plugin::version_fits()) return nullptr;
  const char* words = std::getenv("CREST_LLAMA");
  if (const char* complaint = plugin::configure(words ? words : "")) {
    std::fprintf(stderr, "crest: CREST_LLAMA: %s: not loaded\n", complaint);
    return nullptr;
  }
  return plugin::registry();
}
