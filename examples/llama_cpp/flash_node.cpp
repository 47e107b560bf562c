#include "flash_node.hpp"

namespace plugin {
namespace {

bool known_type(ggml_type type) {
  return with_element(type, [](auto) {});
}

/// Rows are dense, and strides are whole elements, or blocks of them.
bool plain_rows(const ggml_tensor* t) {
  const std::size_t element = ggml_type_size(t->type);
  return t->nb[0] == element && t->nb[1] % element == 0 && t->nb[2] % element == 0 && t->nb[3] % element == 0 &&
         t->ne[0] % ggml_blck_size(t->type) == 0;
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

/// A scale of 0 means another one to crest. The steepest slope is 2^-alibi_bias: as a float it must not vanish, lest
/// it brings back what the mask hides.
bool logits_fit(const FlashNode& node) {
  const ggml_tensor* sinks = node.sinks();
  return node.scale() != 0 && std::isfinite(node.scale()) && std::isfinite(node.softcap()) && node.alibi_bias() <= 64 &&
         (!sinks || (sinks->type == GGML_TYPE_F32 && sinks->nb[0] == sizeof(float) && sinks->ne[0] == node.heads()));
}

}  // namespace

/// ggml's formula: powers of 2^(-bias / n) for the first n heads, n the largest power of two there is; the others take
/// the odd powers of its root.
std::vector<float> FlashNode::slopes() const {
  if (!(alibi_bias() > 0)) return {};
  Index n = 1;
  while (2 * n <= heads()) n *= 2;
  const float power = std::pow(2.0f, -alibi_bias() / static_cast<float>(n));
  const float root = std::pow(2.0f, -alibi_bias() / 2 / static_cast<float>(n));
  std::vector<float> slopes;
  for (Index h = 0; h < heads(); ++h)
    slopes.push_back(h < n ? std::pow(power, static_cast<float>(h + 1))
                           : std::pow(root, static_cast<float>(2 * (h - n) + 1)));
  return slopes;
}

bool attention_supported(const ggml_tensor* op) {
  if (op->op != GGML_OP_FLASH_ATTN_EXT) return false;
  const FlashNode node{op};
  const bool types = op->type == GGML_TYPE_F32 && node.q()->type == GGML_TYPE_F32 && known_type(node.k()->type) &&
                     node.k()->type == node.v()->type;
  return types && plain_rows(op) && plain_rows(node.q()) && plain_rows(node.k()) && plain_rows(node.v()) &&
         shapes_fit(node) && mask_fits(node) && logits_fit(node);
}

}  // namespace plugin
