// Sketches that follow K caches: one per K tensor and stream, kept for as long as the memory lives.
//
// A follower copies nothing of the cache but the sketch. It is told which bytes were written (written(), forget()) and
// reads the rows again when guided asks for the sketch next; rows it has never seen are read at the end. So what counts
// is that every write is told: by the backend, which runs all graph nodes that write into a cache (backend.cpp), and by
// the buffers, for writes from outside graphs (buffer_watch.hpp).
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

#include "crest/crest.hpp"

namespace plugin {

using crest::Index;

/// Memory that was written or freed.
struct Bytes {
  const std::byte* first = nullptr;
  const std::byte* last = nullptr;  ///< one past the end

  static Bytes of(const void* first, std::size_t count) {
    const auto* begin = static_cast<const std::byte*>(first);
    return {begin, begin + count};
  }
};

/// Rows in memory, as far apart as `pitch` bytes.
struct RowBytes {
  const std::byte* first = nullptr;
  Index pitch = 0;

  friend bool operator==(const RowBytes&, const RowBytes&) = default;

  /// The rows 0..count - 1 that `bytes` touches.
  crest::KeyRange touched(Bytes bytes, Index count) const;
};

/// K and V of one cache. Rows of all heads of a key lie within one pitch.
template <class T>
struct CacheViews {
  crest::TensorView<const T, 3> k, v;  ///< [kv_heads, keys, dim]
  bool with_rows = true;               ///< keep 8-bit rows of both in the sketch

  CacheViews keys(crest::KeyRange range) const;
};

/// What it costs to keep sketches.
struct FollowerCosts {
  std::size_t bytes = 0;  ///< of memory, now
  Index appended = 0;     ///< rows read for the first time
  Index reread = 0;       ///< rows read again since they were written
  Index rebuilt = 0;      ///< times a sketch was made anew since much had been written
  double seconds = 0;     ///< spent on all that
};

class Follower {
 public:
  Follower(Index kv_heads, Index head_dim, const crest::SketchOptions& options)
      : sketch_(kv_heads, head_dim, options) {}

  bool fits(Index kv_heads, Index head_dim) const {
    return sketch_.kv_heads() == kv_heads && sketch_.head_dim() == head_dim;
  }
  void written(Bytes bytes);

  /// Brings the sketch up to date with at least `end` rows of the cache, at most all; null when it cannot be.
  template <class T>
  const crest::KeySketch* follow(const CacheViews<T>& cache, Index end, FollowerCosts& costs);

  bool lies_in(Bytes bytes) const { return k_.first >= bytes.first && k_.first < bytes.last; }
  std::size_t bytes() const { return sketch_.bytes(); }

 private:
  void mark(crest::KeyRange rows);
  void forget_rows();
  /// Codes are residuals to means of blocks of keys, so many overwritten rows cost quality: better begin anew.
  bool worn() const { return 4 * stale_rows_ > sketch_.size(); }
  template <class T>
  crest::Status read_again(const CacheViews<T>& cache);

  crest::KeySketch sketch_;
  RowBytes k_, v_;
  std::vector<crest::KeyRange> stale_;  ///< rows of the sketch that were written since they were read
  Index stale_rows_ = 0;
};

/// All followers of the process: caches may be shared between contexts, and a write is told to whom it concerns.
class Followers {
 public:
  static Followers& all();

  void written(Bytes bytes);
  /// Drops the followers of memory that is freed.
  void forget(Bytes bytes);
  /// Drops all of them, for other options.
  void reset(const crest::SketchOptions& options);

  /// The sketch of the cache, up to date. It stays so, and in place, until the next call for this cache.
  template <class T>
  const crest::KeySketch* follow(const CacheViews<T>& cache, Index end);

  FollowerCosts costs() const;

 private:
  mutable std::mutex mutex_;
  crest::SketchOptions options_;
  std::map<const void*, Follower> by_keys_;  ///< by the address of the first key
  FollowerCosts costs_;
};

}  // namespace plugin
