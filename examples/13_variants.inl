// Kernel text: included once for every backend, inside its target region; `Vec` is that backend's vector. Found by its
// arguments: Region, and a variant of that type.
inline void transform_logits(Region, const FastFlatten&, std::span<float> logits) {
  for (std::size_t i = 0; i < logits.size(); i += Vec::width) {
    const Vec s = load(logits.data() + i), size = max(s, zero() - s) + broadcast(1.0f);
    float root[Vec::width];
    store(root, size);
    for (float& x : root) x = std::sqrt(x);
    store(logits.data() + i, s / load(root));
  }
}
