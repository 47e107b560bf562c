#include "flash_node.hpp"

namespace plugin {
namespace {

bool known_type(ggml_type type) { return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16; }

/// Rows are dense, and strides are whole elements.
bool plain_rows(const ggml_tensor* t) {
  const std::size_t element = ggml_type_size(t->type);
  return t->nb[0] == element && t->nb[1] % element == 0 && t->nb[2] % element == 0 && t->nb[3] % element == 0;
}

bool shapes_fit(const FlashNode& node) {
  const ggml_tensor *q = node.q(), *k = node.k(), *v = node.v();
  return k->ne[0] == q->ne[0] && v->ne[1] == k->ne[1] && v->ne[2] == k->ne[2] && q->ne[2] % k->ne[2] == 0 &&
         k->ne[3] == q->ne[3] && v->ne[3] == q->ne[3];
}

bool mask_fits(const FlashNode& node) {
  const ggml_tensor* mask = node.mask();
  return !mask || (mask->type == GGML_TYPE_F16 && ggml_is_contiguous(mask) && mask->ne[2] == 1 &&
                   mask->ne[0] >= node.keys() && mask->ne[1] >= node.queries());
}

}  // namespace

bool attention_supported(const ggml_tensor* op) {
  if (op->op != GGML_OP_FLASH_ATTN_EXT) return false;
  const FlashNode node{op};
  if (node.alibi_bias() != 0 || node.softcap() != 0 || node.sinks()) return false;
  const bool types = op->type == GGML_TYPE_F32 && node.q()->type == GGML_TYPE_F32 && known_type(node.k()->type) &&
                     node.k()->type == node.v()->type;
  return types && plain_rows(op) && plain_rows(node.q()) && plain_rows(node.k()) && plain_rows(node.v()) &&
         shapes_fit(node) && mask_fits(node);
}

}  // namespace plugin
