// A sampler of one's own. Recent keys often matter most: this one looks at the newest keys one by one, and ever more
// sparsely towards the past, so its cost grows with the logarithm of the context.
//
// A policy is any class with the right member function; nothing is inherited or registered.

#include "common/toy.hpp"

using crest::Index;

/// Blocks of width 1x, 2x, 4x ... `near`, counted from the newest key; the same number of samples in each.
struct Fading {
  Index near = 256;

  void sample(Index round, const crest::Scored&, crest::Wanted& wanted) const {
    if (round > 0) return;
    for (crest::KeyRange r : wanted.visible()) {
      Index step = 1;
      for (Index last = r.last; last > r.first; step *= 2) {
        const Index first = std::max(r.first, last - near * step);
        wanted.add({first, last}, step);
        last = first;
      }
    }
  }
  constexpr bool valid() const { return near > 0; }
};
static_assert(crest::Sampler<Fading>);

/// Keys that matter less the older they are, and smoothly so.
demo::Toy fading_cache(Index keys) {
  demo::Toy toy({.heads = 2, .kv_heads = 1, .keys = keys});
  const Index d = toy.shape.head_dim;
  for (Index j = 0; j < keys; ++j) {
    const double age = static_cast<double>(keys - j), score = 6 - 1.5 * std::log(age) + std::sin(age / 200);
    for (Index x = 0; x < d; ++x) {
      toy.k[j * d + x] = static_cast<float>(score / 8);  // q is all ones: <q, k> / sqrt(64) = score
      toy.v[j * d + x] = static_cast<float>(std::cos(static_cast<double>((x + 1) * j) * 1e-4) + 0.2);
    }
  }
  std::fill(toy.q.begin(), toy.q.end(), 1.0f);
  return toy;
}

struct Result {
  Index scored;
  double error;
};

template <class Sampler>
Result run(demo::Toy& toy, const Sampler& sampler, const std::vector<float>& exact) {
  const crest::Recipe recipe{sampler, crest::Stay{}, crest::Lazy{}, crest::Everything{}};
  const crest::Report report = crest::attention(toy.problem(), recipe);
  if (!report.ok()) std::puts(crest::to_string(report.status));
  return {report.keys_scored / report.rows, demo::relative_error(toy.o, exact)};
}

int main() {
  demo::Toy toy = fading_cache(32768);
  const crest::Report exact = crest::attention(toy.problem());
  const std::vector<float> all = toy.o;
  const Result fading = run(toy, Fading{}, all);
  const Result stride = run(toy, crest::Stride{32768 / fading.scored}, all);
  std::printf("of 32768 keys: fading scores %td, error %.2f %%; an even stride scores %td, error %.2f %%\n",
              fading.scored, 100 * fading.error, stride.scored, 100 * stride.error);
  bool good = demo::check(exact.ok(), "exact runs");
  good &= demo::check(fading.scored < 2048 + 4 + 64, "fading scores 256 keys for each doubling of the context");
  good &= demo::check(fading.error < 0.5 * stride.error,
                      "it is more than twice as exact as an even stride of the same cost");
  return good ? 0 : 1;
}
