#include "cache_node.hpp"

#include <cstdio>

#include "followers.hpp"

namespace plugin {
namespace {

Index row_number(const ggml_tensor* numbers, Index i) {
  return numbers->type == GGML_TYPE_I64 ? static_cast<const std::int64_t*>(numbers->data)[i]
                                        : static_cast<const std::int32_t*>(numbers->data)[i];
}

/// SET_ROWS of a matrix, run by run of consecutive rows.
void tell_rows(const ggml_tensor* node) {
  const ggml_tensor* numbers = node->src[1];
  const auto* data = static_cast<const char*>(node->data);
  for (Index i = 0; i < numbers->ne[0];) {
    const Index first = row_number(numbers, i), begin = i;
    while (i < numbers->ne[0] && row_number(numbers, i) == first + i - begin) ++i;
    Followers::all().written(Bytes::of(data + first * node->nb[1], (i - begin) * node->nb[1]));
  }
}

}  // namespace

const ggml_tensor* cache_of(const ggml_tensor* view) {
  const ggml_tensor* root = view->view_src ? view->view_src : view;
  const bool lasting = root->op == GGML_OP_NONE && root->buffer && ggml_backend_buffer_is_host(root->buffer) &&
                       ggml_backend_buffer_get_usage(root->buffer) == GGML_BACKEND_BUFFER_USAGE_ANY;
  return lasting ? root : nullptr;
}

bool writes_cache(const ggml_tensor* node) { return !only_renames(node) && node->view_src && cache_of(node); }

bool writes_input(const ggml_tensor* node) {
  const ggml_tensor* root = node->view_src;
  return !only_renames(node) && root && root->op == GGML_OP_NONE && root->flags & GGML_TENSOR_FLAG_INPUT &&
         root->type == GGML_TYPE_F16;
}

void tell_written(const ggml_tensor* node) {
  if (node->op == GGML_OP_SET_ROWS && node->ne[2] * node->ne[3] == 1)
    tell_rows(node);
  else
    Followers::all().written(Bytes::of(node->data, ggml_nbytes(node)));
}

int layer_of(const ggml_tensor* cache) {
  int layer = -1;
  return std::sscanf(cache->name, "cache_k_l%d", &layer) == 1 ? layer : -1;
}

}  // namespace plugin
