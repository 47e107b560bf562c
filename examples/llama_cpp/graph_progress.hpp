// Whether what a backend is given to run goes on with the graph it ran parts of before, or is another.
//
// A scheduler cuts a graph into parts and runs them in the order of the graph's nodes: of one array of nodes, each part
// lies behind the one before. Run once more, the graph begins again in front of the part that was run last. Before it
// runs another graph it cuts that up, and asks the device which nodes it supports (ggml_backend_sched_split_graph).
#pragma once

#include <functional>

#include "ggml.h"

namespace plugin {

class GraphProgress {
 public:
  /// `asked` counts the questions that schedulers put to the device.
  bool begins_anew(ggml_cgraph* graph, unsigned asked) {
    ggml_tensor** nodes = ggml_graph_nodes(graph);
    const bool part = ggml_graph_size(graph) == 0;  // a whole graph has room for nodes of its own
    const bool goes_on = part && last_ && std::less<>()(last_, nodes) && asked == asked_;
    last_ = part ? nodes : nullptr;
    asked_ = asked;
    return !goes_on;
  }

 private:
  ggml_tensor** last_ = nullptr;  ///< first node of the part that was run last
  unsigned asked_ = 0;
};

}  // namespace plugin
