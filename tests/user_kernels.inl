// Kernel text of the test's own: it lands in every region and sees that region's Vec.

/// Width of the region's vectors, and the sum of the first n floats, computed with them.
inline int vector_width(Region) { return static_cast<int>(Vec::width); }

/// Products of the first 16-bit integers of two rows, added up: as CPUs with instructions for it do, or as others.
inline double short_products(Region, bool wide, const std::int16_t* a, const std::int16_t* b) {
  const auto sum = [&](auto is_wide) {
    float lanes[Vec::width];
    store(lanes, as_floats(dot2<decltype(is_wide)::value>(zero_ints(), load_shorts(a), load_shorts(b))));
    double total = 0;
    for (float lane : lanes) total += lane;
    return total;
  };
  return wide ? sum(std::true_type{}) : sum(std::false_type{});
}

inline float vector_sum(Region, const float* p, Index n) {
  Vec sum = zero();
  for (Index i = 0; i + Vec::width <= n; i += Vec::width) sum = sum + load(p + i);
  float lanes[Vec::width], total = 0;
  store(lanes, sum);
  for (float lane : lanes) total += lane;
  return total;
}
