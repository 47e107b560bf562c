// A kernel of one's own, compiled for every backend. CREST_USER_KERNELS names a file that each backend includes inside
// its target region; dispatch() calls the copy of the backend at hand. All copies live in one program without any -m
// flag.
//
// The kernel finds the longest key, which bounds every score: <q, k> <= |q| * max |k|.

#define CREST_USER_KERNELS "08_user_kernel.inl"
#include "common/toy.hpp"

using crest::Index;

double longest_row_plainly(const demo::Toy& toy) {
  double longest = 0;
  const Index d = toy.shape.head_dim;
  for (Index j = 0; j < toy.shape.keys; ++j) {
    double total = 0;
    for (Index x = 0; x < d; ++x) total += double{toy.k[j * d + x]} * toy.k[j * d + x];
    longest = std::max(longest, total);
  }
  return longest;
}

int main() {
  demo::Toy toy({.heads = 1, .kv_heads = 1, .keys = 777, .head_dim = 83});
  const double expected = longest_row_plainly(toy);
  bool good = demo::check(crest::attention(toy.problem()).ok(), "attention runs beside it");
  for (crest::Backend backend : crest::Backend::all()) {
    float found = 0;
    const bool ran = crest::dispatch(backend, [&](auto region) { found = longest_row(region, toy.problem().k, 0); });
    std::printf("%-7s %s, longest key %.6f\n", backend.name(), ran ? "ran" : "not on this machine", std::sqrt(found));
    good &= !ran || demo::check(std::abs(found - expected) <= 1e-5 * expected, "as the plain loop says");
  }
  return good ? 0 : 1;
}
