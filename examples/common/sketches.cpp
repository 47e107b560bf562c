#include "sketches.hpp"

#include <algorithm>
#include <stdexcept>

namespace demo {
namespace {

using crest::f16;
using Problem = crest::Problem<f16>;

crest::Status followed(crest::KeySketch& sketch, const Problem& p, SketchRows rows) {
  if (sketch.size() > p.keys()) return sketch.truncate(p.keys());
  return sketch.follow(p, rows == SketchRows::bytes);
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
