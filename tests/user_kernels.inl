// Kernel text of the test's own: it lands in every region and sees that region's Vec.

/// Width of the region's vectors, and the sum of the first n floats, computed with them.
inline int vector_width(Region) { return static_cast<int>(Vec::width); }

inline float vector_sum(Region, const float* p, Index n) {
  Vec sum = zero();
  for (Index i = 0; i + Vec::width <= n; i += Vec::width) sum = sum + load(p + i);
  float lanes[Vec::width], total = 0;
  store(lanes, sum);
  for (float lane : lanes) total += lane;
  return total;
}
