// The two limits of the machine that a kernel can be held against: how fast bytes can be read, and how fast f32
// multiply-adds can be done. Both are measured, never looked up.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pages.hpp"

namespace bench {

/// One way to read memory: `streams` places at once, `chunk` bytes of each in turn, lines prefetched `ahead` bytes
/// before they are read (0: left to the hardware).
struct ReadLoop {
  int streams = 1, chunk = 256, ahead = 0;
};
std::string name(const ReadLoop&);

/// All loops the read limit is the best of.
std::span<const ReadLoop> read_loops();

/// The least time it takes to read a K and a V buffer once. Every loop is tried on the first round, later rounds repeat
/// the three fastest; the limit is the best ever seen.
class ReadLimit {
 public:
  using Bytes = std::span<const std::byte>;

  ReadLimit(Bytes k, Bytes v, int threads);

  /// Reads everything a few times more. Returns the least seconds of this round.
  double round();
  /// As the first round: all loops again.
  double full_round();

  double seconds() const { return best_; }
  double gbs() const { return static_cast<double>(k_.size() + v_.size()) / best_ * 1e-9; }
  const ReadLoop& loop() const;

 private:
  double read(std::size_t loop);

  Bytes k_, v_;
  int threads_;
  double best_;
  std::vector<double> seconds_;  ///< best of each loop
};

/// f32 flops per second of `threads` threads doing nothing but multiply-adds with the vectors of a backend; 0 when
/// there is no measurement for that backend.
double fma_peak(const std::string& backend, int threads);

}  // namespace bench
