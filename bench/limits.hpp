// The two limits of the machine that a kernel can be held against: how fast bytes can be read, and how fast f32
// multiply-adds can be done (peak.hpp). Both are measured, never looked up.
#pragma once

#include <crest/attention.hpp>
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

/// A share of the read limit above this is a measuring error.
inline constexpr double largest_share = 1.02;

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
  /// Something took `seconds` for the same bytes: measures harder before believing that anything is wrong.
  void confirm(double seconds);

  double seconds() const { return best_; }
  double gbs() const { return gbs(best_); }
  double first_gbs() const { return gbs(first_); }  ///< of the first and of the last round
  double last_gbs() const { return gbs(last_); }
  int threads() const { return threads_; }
  const ReadLoop& loop() const;

 private:
  double read(std::size_t loop);
  double record(double seconds);
  double gbs(double seconds) const { return static_cast<double>(k_.size() + v_.size()) / seconds * 1e-9; }

  Bytes k_, v_;
  int threads_;
  double best_, first_ = 0, last_ = 0;
  std::vector<double> seconds_;  ///< best of each loop
};

/// The limits of the machine for one case, measured beside it.
struct Limits {
  double read_gbs = 0;                 ///< reading K and V
  double first_gbs = 0, last_gbs = 0;  ///< first and last round
  double fma_peak = 0;                 ///< flops per second with the backend's vectors
  std::string loop;                    ///< the fastest read loop

  /// The larger of the time for the bytes and the time for the flops.
  double roofline_ms(double bytes, double flops) const;
};

Limits limits_of(const ReadLimit&, crest::Backend);

}  // namespace bench
