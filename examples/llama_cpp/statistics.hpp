// What the plugin did, for the whole process.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "followers.hpp"

namespace plugin {

/// Sums over attention nodes of one kind.
struct Tally {
  std::uint64_t nodes = 0, guided_nodes = 0;
  std::uint64_t rows = 0, keys_visible = 0, keys_used = 0, fallbacks = 0;
  std::uint64_t bytes_read = 0, bytes_dense = 0;
  float worst_error = 0;
  double seconds = 0;

  void add(const crest::Report& report, bool guided, double seconds);
};

class Statistics {
 public:
  static Statistics& all();

  /// A node of crest's, with its number of queries: prompt or decode.
  void attended(const crest::Report& report, bool guided, Index queries, double seconds);
  /// An attention node that turned out to be none for crest when it ran, so that ggml ran it.
  void left_to_ggml() {
    const std::lock_guard lock(mutex_);
    ++left_to_ggml_;
  }
  /// A node that wrote into a cache.
  void wrote_cache() {
    const std::lock_guard lock(mutex_);
    ++cache_writes_;
  }
  /// A mask was turned into ranges of keys.
  void read_mask() {
    const std::lock_guard lock(mutex_);
    ++masks_read_;
  }
  void reset();
  std::string json() const;

 private:
  mutable std::mutex mutex_;
  Tally prompt_, decode_;
  std::uint64_t left_to_ggml_ = 0, cache_writes_ = 0, masks_read_ = 0;
};

}  // namespace plugin
