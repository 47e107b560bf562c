// Graph nodes and the caches they read or write.
#pragma once

#include "ggml-backend.h"

namespace plugin {

/// The tensor in memory that outlives a graph which `view` is, or is a view of; null for memory of the graph's own.
const ggml_tensor* cache_of(const ggml_tensor* view);

/// Whether the node writes into such a tensor: SET_ROWS, CPY, operations in place.
bool writes_cache(const ggml_tensor* node);

/// Whether the node writes into an input of the graph that may be a mask.
bool writes_input(const ggml_tensor* node);

/// Tells Followers which bytes the node wrote.
void tell_written(const ggml_tensor* node);

/// The number llama.cpp gave the cache's layer, or -1.
int layer_of(const ggml_tensor* cache);

inline bool only_renames(const ggml_tensor* node) {
  return node->op == GGML_OP_NONE || node->op == GGML_OP_RESHAPE || node->op == GGML_OP_VIEW ||
         node->op == GGML_OP_PERMUTE || node->op == GGML_OP_TRANSPOSE;
}

}  // namespace plugin
