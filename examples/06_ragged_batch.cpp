// A ragged batch: sequences of different lengths in one call, as a server decodes them. All tasks go into one pool, so
// the long sequence does not wait for the short ones.

#include <algorithm>

#include "common/toy.hpp"
#include "crest/executors.hpp"

int main() {
  std::vector<demo::Toy> sequences;
  for (crest::Index keys : {5, 0, 900, 40000, 3})
    sequences.emplace_back(demo::ToyShape{.heads = 6, .keys = keys}, keys + 1);

  bool good = true;
  std::vector<std::vector<float>> one_by_one;
  for (demo::Toy& s : sequences) {
    good &= crest::attention(s.problem()).ok();
    one_by_one.push_back(s.o);
    std::fill(s.o.begin(), s.o.end(), -1.0f);
  }

  std::vector<crest::Problem<float>> batch;
  for (demo::Toy& s : sequences) batch.push_back(s.problem());
  crest::Pool pool(2);
  const crest::Report report = crest::attention(batch, crest::exact, pool);
  std::printf("%zu sequences, %td rows, %td keys visible, %.1f MB read\n", batch.size(), report.rows,
              report.keys_visible, 1e-6 * static_cast<double>(report.bytes_read));
  good &= demo::check(report.ok() && report.keys_visible == 6 * (5 + 0 + 900 + 40000 + 3),
                      "every key was seen once per row");
  bool same = true;
  for (std::size_t i = 0; i < sequences.size(); ++i) same &= sequences[i].o == one_by_one[i];
  good &= demo::check(same, "each sequence as if it had been alone, to the last bit");

  for (demo::Toy& s : sequences) std::fill(s.o.begin(), s.o.end(), -1.0f);
  batch[3].v = {};
  const crest::Report refused = crest::attention(batch, crest::exact, pool);
  std::printf("problem %td of a bad batch: %s (expected %td, found %td)\n", refused.problem,
              crest::to_string(refused.status), refused.expected, refused.found);
  good &= demo::check(!refused.ok() && refused.problem == 3, "the bad one is named");
  bool untouched = true;
  for (const demo::Toy& s : sequences) untouched &= std::count(s.o.begin(), s.o.end(), -1.0f) == std::ssize(s.o);
  good &= demo::check(untouched, "and nothing was written");
  return good ? 0 : 1;
}
