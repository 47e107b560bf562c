// Logits of one's own, as two small types: a transform that sees a logit alone, and a mask that sees where it is. Both
// work with every recipe that reads keys exactly, the transform with `guided` too.
//
// The transform is here twice: as plain code, which the compiler treats as any loop of this program, and as kernel text
// (13_variants.inl), which every backend compiles for itself and prefers.

struct FastFlatten;  // kernel text names it, and is read with the first header of crest
#define CREST_USER_KERNELS "13_variants.inl"
#include "common/toy.hpp"

using crest::Index;

/// Logits of size x become x^(1/2): a flatter softmax far out, the same near 0.
struct Flatten {
  void transform(std::span<float> logits) const {
    for (float& s : logits) s = s / std::sqrt(1 + std::abs(s));
  }
};

/// The same, and kernel text of that name exists.
struct FastFlatten : Flatten {};

/// Every head looks at one document in `documents` of equal length: head h at document h % documents.
struct OneDocument {
  Index documents, length;

  void mask(const crest::LogitTile& tile) const {
    for (Index i = 0; i < tile.keys; ++i)
      for (Index h = 0; h < tile.heads; ++h)
        if (tile.key[i] / length != (tile.first_head + h) % documents) tile.at(i, h) = -INFINITY;
  }
};

/// One row by the textbook; logit(s, key) is what becomes of a logit.
template <class Logit>
std::vector<float> row_plainly(const demo::Toy& toy, Index head, Logit logit) {
  const auto [heads, kv_heads, queries, keys, d] = toy.shape;
  const Index kv = head / (heads / kv_heads);
  std::vector<double> sum(d);
  double total = 0;
  for (Index j = 0; j < keys; ++j) {
    double s = 0;
    for (Index x = 0; x < d; ++x) s += double{toy.q[head * d + x]} * toy.k[(kv * keys + j) * d + x];
    const double weight = std::exp(logit(s / std::sqrt(static_cast<double>(d)), j));
    total += weight;
    for (Index x = 0; x < d; ++x) sum[x] += weight * toy.v[(kv * keys + j) * d + x];
  }
  std::vector<float> row;
  for (double x : sum) row.push_back(static_cast<float>(x / total));
  return row;
}

/// Runs a variant and compares every head with plain code.
template <class V, class Logit>
bool agrees(demo::Toy& toy, const V& variant, Logit logit, const char* fact) {
  bool good = crest::attention(toy.problem(), crest::Variant{crest::exact, variant}).ok();
  const Index d = toy.shape.head_dim;
  for (Index h = 0; h < toy.shape.heads; ++h) {
    const auto wanted = row_plainly(toy, h, [&](double s, Index j) { return logit(s, h, j); });
    good &= demo::relative_error(std::span(toy.o).subspan(h * d, d), wanted) <= 1e-5;
  }
  return demo::check(good, fact);
}

int main() {
  demo::Toy toy({.heads = 6, .kv_heads = 2, .keys = 3000});
  const auto flat = [](double s, Index, Index) { return s / std::sqrt(1 + std::abs(s)); };
  const auto document = [](double s, Index h, Index j) { return j / 1000 == h % 3 ? s : -INFINITY; };
  bool good = agrees(toy, Flatten{}, flat, "a transform in plain code");
  good &= agrees(toy, FastFlatten{}, flat, "the same transform as kernel text");
  good &= agrees(toy, OneDocument{3, 1000}, document, "a mask: each head its document");

  crest::KeySketch sketch(2, toy.shape.head_dim);
  auto problem = toy.problem();
  good &= demo::check(sketch.follow(problem) == crest::Status::ok, "a sketch for guided");
  problem.sketch = &sketch;
  good &= demo::check(crest::attention(problem, crest::Variant{crest::guided, Flatten{}}).ok(),
                      "guided takes the transform");
  const crest::Report refused = crest::attention(problem, crest::Variant{crest::guided, OneDocument{3, 1000}});
  std::printf("guided, given the mask: %s\n", crest::to_string(refused.status));
  good &= demo::check(!refused.ok(), "and refuses the mask");
  return good ? 0 : 1;
}
