#include "sketches.hpp"

#include <algorithm>
#include <stdexcept>

namespace demo {
namespace {

using crest::f16;
using crest::Index;
using Problem = crest::Problem<f16>;

/// Keys from `first` on.
auto rows_from(const crest::TensorView<const f16, 3>& view, Index first) {
  return crest::TensorView<const f16, 3>(view.data_handle() + first * view.stride(1),
                                         {view.extent(0), view.extent(1) - first, view.extent(2)},
                                         {view.stride(0), view.stride(1), view.stride(2)});
}

crest::Status followed(crest::KeySketch& sketch, const Problem& p, SketchRows rows) {
  const Index known = sketch.size();
  if (known > p.keys()) return sketch.truncate(p.keys());
  const auto k = rows_from(p.k, known), v = rows_from(p.v, known);
  return rows == SketchRows::bytes ? sketch.append(k, v) : sketch.append(k);
}

/// Forks, and the problems they are for.
struct Part {
  std::vector<crest::KeySketch> forks;
  std::vector<Problem> problems;
  double bytes = 0;

  void add(const Problem& p, const crest::KeySketch& sketch) {
    problems.push_back(p);
    forks.push_back(sketch);
    bytes += static_cast<double>(sketch.bytes());
  }
  void finish(const std::function<void(Problems)>& use) {
    for (std::size_t i = 0; i < forks.size(); ++i) problems[i].sketch = &forks[i];
    if (!problems.empty()) use(problems);
    *this = {};
  }
};

}  // namespace

crest::KeySketch empty_sketch(const Batch& batch) { return {batch.trace().kv_heads, batch.trace().head_dim}; }

void follow(crest::KeySketch& sketch, const Problem& p, SketchRows rows) {
  const crest::Status status = followed(sketch, p, rows);
  if (status != crest::Status::ok) throw std::runtime_error(crest::to_string(status));
}

void with_sketches(const Batch& batch, SketchRows rows, double footprint, const std::function<void(Problems)>& use) {
  crest::KeySketch sketch = empty_sketch(batch);
  Part part;
  for (const Problem& p : batch.problems()) {
    follow(sketch, p, rows);
    part.add(p, sketch);
    if (part.bytes >= footprint) part.finish(use);
  }
  part.finish(use);
}

double sketch_memory(const Batch& batch, SketchRows rows) {
  const auto shorter = [](const Problem& a, const Problem& b) { return a.keys() < b.keys(); };
  const Problem& p = *std::max_element(batch.problems().begin(), batch.problems().end(), shorter);
  crest::KeySketch sketch = empty_sketch(batch);
  follow(sketch, p, rows);
  return static_cast<double>(sketch.bytes()) / static_cast<double>(dense_bytes(p));
}

}  // namespace demo
