// Sees the writes that reach a ggml buffer from outside graphs: setting and copying tensors (loading a state, copying a
// sequence to another stream), clearing, freeing. It puts its own functions into the buffer's table of functions, each
// of which tells Followers and then calls ggml's own.
#pragma once

#include "ggml-backend-impl.h"

namespace plugin {

/// Watches a buffer from now until it is freed, or until the plugin is unloaded.
void watch(ggml_backend_buffer_t buffer);

}  // namespace plugin
