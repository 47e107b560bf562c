// Splitting the keys of one query over two calls (two devices, two machines, a cache in two places) and merging: with
// the log-sum-exp of each part, the parts add up to the whole, in any order.

#include "common/toy.hpp"

using crest::Index;

/// The same problem, seeing keys first..last - 1 only, with outputs of its own.
struct Part {
  std::vector<float> o, lse;
  crest::Problem<float> problem;

  Part(demo::Toy& whole, crest::KeyRange keys) : o(whole.o.size()), lse(whole.lse.size()), problem(whole.problem()) {
    const auto slice = [&](auto view) {
      return decltype(view)(view.data_handle() + keys.first * view.stride(1),
                            {view.extent(0), crest::length(keys), view.extent(2)},
                            {view.stride(0), view.stride(1), view.stride(2)});
    };
    problem.k = slice(problem.k);
    problem.v = slice(problem.v);
    problem.o = {o.data(), {whole.shape.heads, whole.shape.queries, whole.shape.head_dim}};
    problem.lse = {lse.data(), {whole.shape.heads, whole.shape.queries}};
  }
};

/// Adds the parts of one row: o = sum of share * o_part. Returns the state of the whole.
crest::SoftmaxState merge_row(std::span<const Part> parts, Index row, Index d, float* o) {
  crest::SoftmaxState whole;
  for (const Part& p : parts) whole = merge(whole, crest::SoftmaxState::of_lse(p.lse[row]));
  std::fill(o, o + d, 0.0f);
  for (const Part& p : parts) {
    const float weight = share(crest::SoftmaxState::of_lse(p.lse[row]), whole);
    for (Index x = 0; x < d; ++x) o[x] += weight * p.o[row * d + x];
  }
  return whole;
}

int main() {
  demo::Toy toy({.queries = 2, .keys = 3000});
  bool good = demo::check(crest::attention(toy.problem()).ok(), "all keys in one call");

  Part parts[] = {{toy, {0, 1234}}, {toy, {1234, 1234}}, {toy, {1234, 3000}}};  // the middle one is empty
  for (Part& p : parts) good &= demo::check(crest::attention(p.problem).ok(), "one part");

  const Index d = toy.shape.head_dim, rows = static_cast<Index>(toy.lse.size());
  std::vector<float> merged(toy.o.size()), lse(rows);
  for (Index row = 0; row < rows; ++row) lse[row] = merge_row(parts, row, d, merged.data() + row * d).lse();

  const double off = demo::relative_error(merged, toy.o), lse_off = demo::relative_error(lse, toy.lse);
  std::printf("merged from three parts: o off by %.1e, lse off by %.1e\n", off, lse_off);
  good &= demo::check(off <= 1e-6 && lse_off <= 1e-6, "the parts add up to the whole");
  return good ? 0 : 1;
}
