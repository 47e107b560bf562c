// KeySketch: few-bit copies of the keys beside the caller's own cache, by which the recipe `guided` finds the keys that
// matter. One sketch per sequence and layer; it grows with the cache.
//
//   KeySketch sketch(kv_heads, head_dim);
//   sketch.append(k)       after new keys [kv_heads, m, head_dim] were written to the cache, or
//   sketch.append(k, v)    to keep rotated 8-bit rows of K and V too, which guided then reads instead of the cache's
//
// Memory per key and KV head at 2 bits: head_dim / 4 + 3 + (head_dim + 16) / 64 bytes (7 % of an f16 cache at head_dim
// 128); 8-bit rows add head_dim + value_dim. bytes() tells the whole.
//
// The sketch knows rows as they were when appended. Whoever rewrites cache rows tells it: overwrite() for rows that
// changed, truncate() for rows that were dropped. Every guided call verifies the rows appended last and one in 256 of
// the others, in turn, against a 16-bit hash: a forgotten rewrite is noticed within 256 calls, and such a row is done
// exactly and counted in Report::fallbacks. What was rewritten and not yet noticed is answered from the old rows.
//
// Sources: random Hadamard rotation (QuaRot, Ashkboos et al. 2024), few-bit codes of normalised residuals (RaBitQ, Gao
// and Long 2024); residuals to block means.
#pragma once

#include "crest/core/check.hpp"
#include "crest/sketch/save.hpp"

namespace crest {
inline namespace v0 {

/// Copyable (a copy is a fork of the sequence), nothrow movable. Const use from many threads is safe. Editing functions
/// return a Status and leave the sketch as it was unless that is ok; none throws. Copying and construction allocate and
/// may throw std::bad_alloc.
class KeySketch {
 public:
  KeySketch() = default;
  KeySketch(const KeySketch&) = default;
  KeySketch& operator=(const KeySketch&) = default;
  /// What was moved from is as if default constructed.
  CREST_INLINE KeySketch(KeySketch&& other) noexcept : s_(std::exchange(other.s_, SketchState())) {}
  CREST_INLINE KeySketch& operator=(KeySketch&& other) noexcept {
    s_ = std::exchange(other.s_, SketchState());
    return *this;
  }
  /// Every mistake here (kv_heads or head_dim below 1, bits not 1, 2 or 4, a basis of another shape) is reported by the
  /// first append().
  CREST_INLINE KeySketch(Index kv_heads, Index head_dim, SketchOptions options = {})
      : s_(detail::make_state(kv_heads, head_dim, options)) {}

  /// Appends keys [kv_heads, m, head_dim] of type float, f16, bf16, q8_0 or q4_0.
  template <class K>
  [[nodiscard]] CREST_INLINE Status append(const K& k) {
    return detail::append(s_, detail::const_view(k), {});
  }
  /// Appends keys and their values [kv_heads, m, value_dim], and keeps 8-bit rows of both.
  template <class K, class V>
  [[nodiscard]] CREST_INLINE Status append(const K& k, const V& v) {
    return detail::append(s_, detail::const_view(k), detail::const_view(v));
  }

  /// Appends the keys that the problem's cache holds beyond size(), of any element type, paged or not. `rows`: with
  /// 8-bit rows of both, as append(k, v) keeps them. The problem must be one that attention() accepts.
  template <class T>
  [[nodiscard]] CREST_INLINE Status follow(const Problem<T>& problem, bool rows = false) {
    if (const Status bad = check(problem).status; bad != Status::ok) return bad;
    return detail::follow(s_, problem, rows);
  }

  /// Tells that rows first, first + 1 ... of the cache were rewritten.
  template <class K>
  [[nodiscard]] CREST_INLINE Status overwrite(Index first, const K& k) {
    return detail::overwrite(s_, first, detail::const_view(k), {});
  }
  template <class K, class V>
  [[nodiscard]] CREST_INLINE Status overwrite(Index first, const K& k, const V& v) {
    return detail::overwrite(s_, first, detail::const_view(k), detail::const_view(v));
  }

  /// Keeps the first `keys` keys.
  [[nodiscard]] CREST_INLINE Status truncate(Index keys) { return detail::truncate(s_, keys); }
  /// Drops all keys; memory is kept.
  CREST_INLINE void clear() { detail::clear(s_); }
  /// Makes room for `keys` keys in all.
  [[nodiscard]] CREST_INLINE Status reserve(Index keys) { return detail::reserve(s_, keys); }

  CREST_INLINE Index size() const { return s_.shape.keys; }
  CREST_INLINE Index kv_heads() const { return s_.kv_heads; }
  CREST_INLINE Index head_dim() const { return s_.shape.head_dim; }
  /// 0 before the first append(k, v).
  CREST_INLINE Index value_dim() const { return s_.shape.value_dim; }
  CREST_INLINE bool has_rows() const { return s_.with_rows; }
  /// Bytes of memory in use.
  CREST_INLINE std::size_t bytes() const { return detail::memory_bytes(s_); }

  /// Bytes save() writes.
  CREST_INLINE std::size_t saved_bytes() const { return detail::saved_bytes(s_); }
  /// Writes the sketch, a version word first, to at least saved_bytes() bytes. For this machine's byte order.
  [[nodiscard]] CREST_INLINE Status save(std::span<std::byte> to) const { return detail::save(s_, to); }
  /// Replaces this sketch by a saved one; options and basis must be those it was saved with.
  [[nodiscard]] CREST_INLINE Status load(std::span<const std::byte> from) { return detail::load(s_, from); }

  /// For kernels: the sketch of one KV head.
  CREST_INLINE SketchView view(Index kv_head) const { return s_.view(kv_head); }
  /// For kernels: which rows to verify in this call.
  CREST_INLINE std::uint32_t next_turn() const { return s_.turn.count.fetch_add(1, std::memory_order_relaxed); }

 private:
  SketchState s_;
};

}  // namespace v0
}  // namespace crest
