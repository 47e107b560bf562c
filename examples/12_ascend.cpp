// The Ascend kernels on a host emulation: what each recipe moves and computes, and how the pipes of a core overlap.
//
//   12_ascend [longest context, default 8192]
//
// Counts come from the emulation of Ascend C that the tests use. A tick of the overlap model is one vector repeat of
// 256 bytes, or 32 bytes of DMA; it is no cycle, and no NPU was involved.
#include <cstdio>
#include <cstdlib>

#include "ascend/cache_layouts.hpp"
#include "crest/ascend/host.hpp"
#include "support/case.hpp"

namespace {

using crest::f16;
using crest::Index;
using crest::ascend::Ascend;
using crest::ascend::Mapping;
using crest::ascend::Sketched;

constexpr int cores = 2;  // vector cores: one AI core

/// One decode step of two KV heads, over smooth keys with a few plateaus.
test::Case<f16> decode_step(Index group, Index keys, Index head_dim) {
  return test::Case<f16>(
      {.shape = {.heads = 2 * group, .kv_heads = 2, .keys = keys, .head_dim = head_dim, .value_dim = head_dim},
       .data = test::Data::smooth,
       .spread = 8});
}

/// Everything one call did on the device.
struct Counted {
  crest::Report report;
  std::vector<ascend_emu::Trace> launches;  // decode, merge
};

template <class D, class R>
crest::Report run(D& device, const test::Case<f16>& c, const R& recipe, Mapping mapping = Mapping::one_core) {
  return crest::attention(c.problem, recipe, crest::this_thread_serial(), Ascend(device, {mapping}));
}

template <class R>
Counted count(const test::Case<f16>& c, const R& recipe, Mapping mapping = Mapping::one_core) {
  test::EmulatedDevice device(cores);
  const crest::Report report = run(device, c, recipe, mapping);
  return {report, device.traces()};
}

/// The same with a paged cache and, beside it, a contiguous cache of the sampled keys.
Counted count_sampled_cache(const test::Case<f16>& c) {
  test::CacheSpec spec{.kv_heads = 2, .head_dim = static_cast<std::uint32_t>(c.problem.head_dim())};
  spec.keys = {static_cast<std::uint32_t>(c.problem.keys())};
  spec.page_rows = 128;
  spec.interleaved = false;
  spec.stride = 16;
  test::PagedDevice device(spec, cores);
  const crest::Report report = run(device, c, crest::clustered);
  return {report, device.emulated().traces()};
}

unsigned long long number(std::uint64_t n) { return n; }

double percent(std::uint64_t part, std::uint64_t whole) {
  return 100 * static_cast<double>(part) / static_cast<double>(whole);
}

/// Decode and merge together; `again` counts items that started twice, ticks are those of the slowest core.
void print_row(const char* name, Index keys, const Counted& counted) {
  std::array<ascend_emu::PipeCounts, ascend_emu::kPipes> sum{};
  std::uint64_t ticks = 0, meetings = 0;
  for (const ascend_emu::Trace& launch : counted.launches) {
    for (int p = 0; p < ascend_emu::kPipes; ++p) sum[p].add(ascend_emu::totals(launch)[p]);
    ticks += ascend_emu::makespan(launch);
    for (const auto& core : launch) meetings += core.cross_core_barriers;
  }
  const auto &in = sum[PIPE_MTE2], &v = sum[PIPE_V];
  const crest::Report& r = counted.report;
  std::printf("%7td  %-20s %6.1f %% %6.1f %% %8llu %7llu %8llu %9llu %8llu %5llu %5td %9llu\n", keys, name,
              percent(r.keys_used, r.keys_visible), percent(in.bytes + sum[PIPE_MTE3].bytes, r.bytes_dense),
              number(in.pieces), number(in.small_pieces), number(v.instructions), number(v.repeats), number(v.barriers),
              number(meetings), r.rescales / (r.rows / 2), number(ticks));
}

void print_table(Index group, Index head_dim, Index longest) {
  std::printf("\n2 KV heads with %td query head%s each, head_dim %td, %d vector cores\n", group, group == 1 ? "" : "s",
              head_dim, cores);
  std::printf("%7s  %-20s %8s %8s %8s %7s %8s %9s %8s %5s %5s %9s\n", "keys", "kernel", "used", "bytes", "pieces",
              "<512 B", "V instr", "V repeats", "barriers", "meet", "again", "ticks");
  for (Index keys = 4096; keys <= longest; keys *= 2) {
    const auto c = decode_step(group, keys, head_dim);
    print_row("exact", keys, count(c, crest::exact));
    print_row("clustered", keys, count(c, crest::clustered));
    print_row("clustered, key cache", keys, count_sampled_cache(c));
#if __CCE_AICORE__ == 220
    print_row("clustered, two units", keys, count(c, crest::clustered, Mapping::two_cores));
#endif
    print_row("sketched", keys, count(c, Sketched{}));
  }
}

/// A core's pipes from one tick to another.
void print_picture(const char* name, const Counted& counted, std::size_t core, std::uint64_t from, std::uint64_t to) {
  const ascend_emu::CoreTrace& trace = counted.launches.at(0).at(core);
  to = std::min(to, trace.ticks);
  std::printf("\n%s: ticks %llu to %llu of %llu\n%s", name, number(from), number(to), number(trace.ticks),
              ascend_emu::picture(trace, from, to).c_str());
}

void print_pictures() {
  print_picture("exact, 1 query head", count(decode_step(1, 16384, 128), crest::exact), 0, 20000, 26000);
  print_picture("exact, 4 query heads", count(decode_step(4, 8192, 128), crest::exact), 0, 20000, 26000);
  const auto c = decode_step(1, 32768, 128);
  print_picture("clustered, an item", count(c, crest::clustered), 0, 0, 12000);
  print_picture("sketched, an item", count(c, Sketched{}), 0, 0, 12000);
#if __CCE_AICORE__ == 220
  const Counted two = count(c, crest::clustered, Mapping::two_cores);
  print_picture("clustered on two units, the sampler", two, 0, 0, 48000);
  print_picture("clustered on two units, the refiner", two, 1, 0, 48000);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  const Index longest = argc > 1 ? std::atoll(argv[1]) : 8192;
  print_table(1, 128, longest);
  print_table(4, 128, longest);
  print_table(3, 64, longest);
  print_pictures();
}
