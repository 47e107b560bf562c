// The overlap model as a picture: which pipe was busy when.
#pragma once

#include <string>

#include "emu/launch.h"

namespace ascend_emu {

/// Share of [begin, end) covered by spans.
inline double busy(const std::vector<Span>& spans, double begin, double end) {
  double covered = 0;
  for (const Span& s : spans) covered += std::max(0.0, std::min<double>(s.end, end) - std::max<double>(s.begin, begin));
  return covered / (end - begin);
}

/// One line per pipe over [begin, end) ticks: '#' busy, '+' more than half, '.' less, ' ' idle.
inline std::string picture(const CoreTrace& core, uint64_t begin, uint64_t end, int columns = 96) {
  static const char* const names[] = {"S    ", "V    ", "MTE2 ", "MTE3 "};
  std::string out;
  for (int p : {PIPE_MTE2, PIPE_V, PIPE_S, PIPE_MTE3}) {
    out += std::string(names[p]) + "|";
    for (int c = 0; c < columns; ++c) {
      const double width = double(end - begin) / columns, at = begin + c * width;
      const double share = busy(core.spans[p], at, at + width);
      out += share > 0.95 ? '#' : share > 0.5 ? '+' : share > 0 ? '.' : ' ';
    }
    out += "|\n";
  }
  return out;
}

/// What all cores of a launch did together.
inline std::array<PipeCounts, kPipes> totals(const Trace& trace) {
  std::array<PipeCounts, kPipes> sum{};
  for (const CoreTrace& core : trace)
    for (int p = 0; p < kPipes; ++p) sum[p].add(core.pipe[p]);
  return sum;
}

/// Ticks of the slowest core.
inline uint64_t makespan(const Trace& trace) {
  uint64_t most = 0;
  for (const CoreTrace& core : trace) most = std::max(most, core.ticks);
  return most;
}

}  // namespace ascend_emu
