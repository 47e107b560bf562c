// Kernel text: this file is included once for every backend, inside the backend's target region. Here `Vec` is that
// backend's vector, and Region is the tag by which callers find the right copy. It may include nothing.

/// Largest squared length of the rows of one KV head.
inline float longest_row(Region, const TensorView<const float, 3>& k, Index kv_head) {
  float longest = 0;
  for (Index j = 0; j < k.extent(1); ++j) {
    const float* row = &k(kv_head, j, 0);
    const Index d = k.extent(2), whole = d / Vec::width * Vec::width;
    Vec sum = zero();
    for (Index x = 0; x < whole; x += Vec::width) sum = fma(load(row + x), load(row + x), sum);
    const Vec rest = whole < d ? load_part(row + whole, d - whole) : zero();
    sum = fma(rest, rest, sum);
    float lanes[Vec::width], total = 0;
    store(lanes, sum);
    for (float lane : lanes) total += lane;
    longest = std::max(longest, total);
  }
  return longest;
}
