#include "limits.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <numeric>

#include "peak.hpp"
#include "team.hpp"

namespace bench {

namespace {

constexpr int line = 64, step = 4 * line;  // bytes; four sums hide the latency of adding

using Line = std::uint64_t __attribute__((vector_size(line), aligned(line), may_alias));

/// What one thread reads: the same number of bytes from each of some places.
struct Streams {
  std::array<const std::byte*, 4> at{};
  std::size_t bytes = 0;
};

template <class T>
[[gnu::always_inline]] inline void keep(T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

/// The one text of the read loop; each instruction set compiles it with its own widest loads.
template <bool prefetch>
[[gnu::always_inline]] inline void read_text(const Streams& s, const ReadLoop& loop) {
  Line sum[4] = {};
  const auto read = [&](const std::byte* p) __attribute__((always_inline)) {
    for (int i = 0; i < 4; ++i) {
      if (prefetch) __builtin_prefetch(p + i * line + loop.ahead, 0, 3);
      sum[i] ^= *reinterpret_cast<const Line*>(p + i * line);
    }
  };
  const std::size_t chunk = static_cast<std::size_t>(loop.chunk);
  for (std::size_t from = 0; from < s.bytes; from += chunk)
    for (int i = 0; i < loop.streams; ++i)
      for (std::size_t at = from; at < std::min(from + chunk, s.bytes); at += step) read(s.at[i] + at);
  Line all = sum[0] ^ sum[1] ^ sum[2] ^ sum[3];  // sums that never leave registers
  keep(all);
}

#if defined(__x86_64__)
template <bool prefetch>
[[gnu::target("avx512f,avx512bw,avx512vl")]] void read_avx512(const Streams& s, const ReadLoop& loop) {
  read_text<prefetch>(s, loop);
}
template <bool prefetch>
[[gnu::target("avx2,fma")]] void read_avx2(const Streams& s, const ReadLoop& loop) {
  read_text<prefetch>(s, loop);
}
#endif

template <bool prefetch>
void read_baseline(const Streams& s, const ReadLoop& loop) {
  read_text<prefetch>(s, loop);
}

template <bool prefetch>
auto widest_reader() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw")) return &read_avx512<prefetch>;
  if (__builtin_cpu_supports("avx2")) return &read_avx2<prefetch>;
#endif
  return &read_baseline<prefetch>;
}

void read(const Streams& s, const ReadLoop& loop) {
  static const auto plain = widest_reader<false>(), prefetching = widest_reader<true>();
  (loop.ahead > 0 ? prefetching : plain)(s, loop);
}

/// The share of thread `thread`: one stream runs through K and then V, two take one each, four take halves.
struct Share {
  ReadLimit::Bytes k, v;

  Share(ReadLimit::Bytes all_k, ReadLimit::Bytes all_v, int thread, int threads)
      : k(piece(all_k, thread, threads)), v(piece(all_v, thread, threads)) {}

  static ReadLimit::Bytes piece(ReadLimit::Bytes all, int i, int of) {
    const std::size_t lines = all.size() / step, first = lines * i / of, last = lines * (i + 1) / of;
    return all.subspan(first * step, (last - first) * step);
  }

  void read_with(const ReadLoop& loop) const {
    if (loop.streams == 1) {
      read({{k.data()}, k.size()}, loop);
      read({{v.data()}, v.size()}, loop);
    } else if (loop.streams == 2) {
      read({{k.data(), v.data()}, k.size()}, loop);
    } else {
      const std::size_t half = k.size() / 2 / step * step;
      read({{k.data(), k.data() + half, v.data(), v.data() + half}, half}, loop);
      if (half * 2 < k.size()) read({{k.data() + 2 * half, v.data() + 2 * half}, k.size() - 2 * half}, {2});
    }
  }
};

constexpr ReadLoop all_loops[] = {{1, 2048, 0},    {2, 2048, 0},    {4, 2048, 0},   {1, 2048, 2048}, {2, 2048, 2048},
                                  {4, 2048, 2048}, {1, 2048, 4096}, {2, 256, 4096}, {4, 256, 4096}};

}  // namespace

std::string name(const ReadLoop& loop) {
  return std::to_string(loop.streams) + (loop.streams == 1 ? " stream of " : " streams of ") +
         std::to_string(loop.chunk) + " B, prefetch " + std::to_string(loop.ahead) + " B ahead";
}

std::span<const ReadLoop> read_loops() { return all_loops; }

ReadLimit::ReadLimit(Bytes k, Bytes v, int threads)
    : k_(k),
      v_(v),
      threads_(threads),
      best_(std::numeric_limits<double>::infinity()),
      seconds_(read_loops().size(), best_) {}

double ReadLimit::read(std::size_t loop) {
  const double seconds =
      least_seconds(threads_, 3, [&](int thread) { Share(k_, v_, thread, threads_).read_with(read_loops()[loop]); });
  seconds_[loop] = std::min(seconds_[loop], seconds);
  best_ = std::min(best_, seconds);
  return seconds;
}

double ReadLimit::full_round() {
  double least = read(0);
  for (std::size_t loop = 1; loop < seconds_.size(); ++loop) least = std::min(least, read(loop));
  return record(least);
}

double ReadLimit::record(double seconds) {
  if (first_ == 0) first_ = seconds;
  return last_ = seconds;
}

void ReadLimit::confirm(double seconds) {
  constexpr int tries = 10;
  for (int i = 0; i < tries && best_ > largest_share * seconds; ++i) full_round();
}

double ReadLimit::round() {
  std::vector<std::size_t> order(seconds_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return seconds_[a] < seconds_[b]; });
  if (seconds_[order.back()] > 1e30) return full_round();
  return record(std::min({read(order[0]), read(order[1]), read(order[2])}));
}

const ReadLoop& ReadLimit::loop() const {
  return read_loops()[std::min_element(seconds_.begin(), seconds_.end()) - seconds_.begin()];
}

double Limits::roofline_ms(double bytes, double flops) const {
  return std::max(bytes / read_gbs * 1e-6, flops / fma_peak * 1e3);
}

Limits limits_of(const ReadLimit& limit, crest::Backend backend) {
  return {.read_gbs = limit.gbs(),
          .first_gbs = limit.first_gbs(),
          .last_gbs = limit.last_gbs(),
          .fma_peak = fma_peak(backend, limit.threads()),
          .loop = name(limit.loop())};
}

}  // namespace bench
