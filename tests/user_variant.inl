// Kernel text for test::KernelSqueeze: s / (1 + |s|), a vector at a time.
inline void transform_logits(Region, const test::KernelSqueeze&, std::span<float> logits) {
  for (std::size_t i = 0; i < logits.size(); i += Vec::width) {
    const Vec s = load(logits.data() + i), size = max(s, zero() - s);
    store(logits.data() + i, s / (broadcast(1.0f) + size));
  }
}
