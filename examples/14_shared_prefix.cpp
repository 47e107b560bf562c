// A server's cache: sequences in pages of one pool, with a common prompt whose pages they share. Decoded as a batch,
// each sequence through its own page table; then as a cascade, which reads the prompt once for all of them.

#include <algorithm>

#include "common/toy.hpp"

using crest::Index;

namespace {

constexpr Index page = 16, heads = 6, kv_heads = 2, dim = 64, sequences = 4;
constexpr Index prompt_pages = 200, own_pages = 3, pool = prompt_pages + sequences * own_pages;
constexpr std::array<Index, sequences> own_keys{1, 17, 40, 48};

/// Pages of [key][head][dim], K and V apart, as one allocation each; page tables are shuffled, as a server's are.
struct Server {
  demo::Noise noise{7};
  std::vector<float> k = noise.vector(pool * page * kv_heads * dim), v = noise.vector(pool * page * kv_heads * dim);
  std::vector<float> q = noise.vector(sequences * heads * dim), o, lse, shared_o, shared_lse;
  std::vector<std::vector<std::int32_t>> tables;

  Server() : o(q.size()), lse(sequences * heads), shared_o(q.size()), shared_lse(sequences * heads) {
    std::vector<std::int32_t> prompt;
    for (Index i = 0; i < prompt_pages; ++i) prompt.push_back(static_cast<std::int32_t>((i * 73) % prompt_pages));
    for (Index s = 0; s < sequences; ++s) {
      tables.push_back(prompt);
      for (Index i = 0; i < own_pages; ++i)
        tables.back().push_back(static_cast<std::int32_t>(prompt_pages + i * sequences + s));
    }
  }

  /// Sequence s over entries from.. of its page table, `keys` keys in all.
  crest::Problem<float> problem(Index s, Index from, Index keys) {
    const std::array<Index, 3> one_page{kv_heads, page, dim}, strides{dim, kv_heads * dim, 1};
    crest::Problem<float> p{.q = {q.data() + s * heads * dim, {heads, 1, dim}},
                            .k = {k.data(), one_page, strides},
                            .v = {v.data(), one_page, strides},
                            .o = {o.data() + s * heads * dim, {heads, 1, dim}},
                            .lse = {lse.data() + s * heads, {heads, 1}}};
    p.pages = {.pages = std::span(tables[s]).subspan(from),
               .keys = keys,
               .pool = pool,
               .k_stride = page * kv_heads * dim,
               .v_stride = page * kv_heads * dim};
    return p;
  }
  /// The prompt, asked by all sequences at once: query s is sequence s.
  crest::Problem<float> prompt() {
    crest::Problem<float> p = problem(0, 0, prompt_pages * page);
    p.q = {q.data(), {heads, sequences, dim}, {dim, heads * dim, 1}};
    p.o = {shared_o.data(), {heads, sequences, dim}, {dim, heads * dim, 1}};
    p.lse = {shared_lse.data(), {heads, sequences}, {sequences, 1}};
    return p;
  }
};

}  // namespace

int main() {
  Server server;
  std::vector<crest::Problem<float>> whole, rest;
  for (Index s = 0; s < sequences; ++s) {
    whole.push_back(server.problem(s, 0, prompt_pages * page + own_keys[s]));
    rest.push_back(server.problem(s, prompt_pages, own_keys[s]));
  }
  const crest::Report apart = crest::attention(whole);
  const std::vector<float> wanted = server.o;
  std::fill(server.o.begin(), server.o.end(), -1.0f);
  const crest::Report together = crest::cascade(server.prompt(), std::span<const crest::Problem<float>>(rest));

  bool good = demo::check(apart.ok() && together.ok(), "both calls");
  const double off = demo::relative_error(server.o, wanted);
  std::printf("%td sequences behind %td common keys: %.1f MB read one by one, %.1f MB as a cascade; o off by %.1e\n",
              sequences, prompt_pages * page, 1e-6 * static_cast<double>(apart.bytes_read),
              1e-6 * static_cast<double>(together.bytes_read), off);
  good &= demo::check(off <= 1e-6, "the same answer");
  good &= demo::check(3 * together.bytes_read < apart.bytes_read, "for less than a third of the bytes");
  return good ? 0 : 1;
}
