// Saving a sketch to bytes, and loading it again.
#pragma once

#include "crest/sketch/edit.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

/// What stands before the saved memory.
struct SavedHeader {
  static constexpr std::uint32_t version_word = 0x43524b31;  ///< "CRK1"; a new layout gets a new word
  std::uint32_t version = version_word;
  std::int32_t bits = 0;
  std::uint64_t seed = 0;
  std::int64_t kv_heads = 0, head_dim = 0, value_dim = 0, mapped = 0, keys = 0, coded = 0;

  SavedHeader() = default;
  explicit SavedHeader(const SketchState& s)
      : bits(s.options.bits),
        seed(s.options.seed),
        kv_heads(s.kv_heads),
        head_dim(s.shape.head_dim),
        value_dim(s.with_rows ? s.shape.value_dim : 0),
        mapped(s.shape.mapped),
        keys(s.shape.keys),
        coded(s.shape.coded) {}
};

/// Calls f(memory, bytes) for each piece of memory in use, in the order in which they are saved.
template <class State, class F>
void for_each_piece(State& s, F&& f) {
  const Room used(s, blocks_for(s.shape.coded)), all(s, s.capacity_blocks);
  const std::size_t hashes = static_cast<std::size_t>(s.shape.keys) * sizeof(std::uint16_t);
  const std::size_t stage = static_cast<std::size_t>(SketchView::block_keys * s.staged_pitch()) * sizeof(float);
  for (Index head = 0; head < s.kv_heads; ++head) {
    const std::size_t h = static_cast<std::size_t>(head);
    f(s.codes.data() + h * all.codes, used.codes);
    f(s.rows.data() + h * all.rows, used.rows);
    f(s.heads.data() + h * all.heads, used.heads);
    f(s.hashes.data() + h * all.hashes, hashes);
    f(s.staged.data() + h * stage, s.shape.keys > 0 ? stage : 0);
  }
  f(s.finite.data(), s.finite.size());
}

inline std::size_t saved_bytes(const SketchState& s) {
  std::size_t bytes = sizeof(SavedHeader);
  for_each_piece(s, [&](const std::byte*, std::size_t n) { bytes += n; });
  return bytes;
}

inline Status save(const SketchState& s, std::span<std::byte> to) {
  if (to.size() < saved_bytes(s)) return Status::sketch_saved;
  const SavedHeader header(s);
  std::memcpy(to.data(), &header, sizeof header);
  std::byte* at = to.data() + sizeof header;
  for_each_piece(s, [&](const std::byte* piece, std::size_t n) {
    if (n > 0) std::memcpy(at, piece, n);
    at += n;
  });
  return Status::ok;
}

/// Whether a header fits the options of `s` and its own numbers make sense.
inline bool plausible(const SavedHeader& h, const SketchState& s) {
  return h.version == SavedHeader::version_word && h.bits == s.options.bits && h.seed == s.options.seed &&
         h.kv_heads == s.kv_heads && h.head_dim == s.shape.head_dim && h.mapped == s.shape.mapped && h.value_dim >= 0 &&
         h.value_dim < (Index{1} << 20) && h.keys >= 0 && h.keys < (Index{1} << 31) && h.coded >= 0 &&
         h.coded <= h.keys && h.keys - h.coded < SketchView::block_keys &&
         (h.coded == h.keys || h.coded % SketchView::block_keys == 0);
}

/// Takes over the keys and memory of a sketch of the same options.
inline void adopt(SketchState& s, SketchState&& other) {
  s.shape = other.shape;
  s.with_rows = other.with_rows;
  s.capacity_blocks = other.capacity_blocks;
  s.signs = std::move(other.signs);
  s.codes = std::move(other.codes);
  s.heads = std::move(other.heads);
  s.rows = std::move(other.rows);
  s.hashes = std::move(other.hashes);
  s.staged = std::move(other.staged);
  s.finite = std::move(other.finite);
}

inline Status load(SketchState& s, std::span<const std::byte> from) {
  if (const Status bad = check_state(s); bad != Status::ok) return bad;
  SavedHeader header;
  if (from.size() < sizeof header) return Status::sketch_saved;
  std::memcpy(&header, from.data(), sizeof header);
  if (!plausible(header, s)) return Status::sketch_saved;
  SketchState fresh;
  fresh.kv_heads = s.kv_heads;
  fresh.shape = s.shape;
  fresh.options = s.options;
  fresh.finite = AlignedBytes::make(s.finite.size());
  if (!fresh.finite || !set_values(fresh, header.value_dim)) return Status::out_of_memory;
  fresh.shape.keys = header.keys;
  fresh.shape.coded = header.coded;
  if (from.size() < saved_bytes(fresh)) return Status::sketch_saved;
  if (const Status bad = grow(fresh, blocks_for(header.keys)); bad != Status::ok) return bad;
  const std::byte* at = from.data() + sizeof header;
  for_each_piece(fresh, [&](std::byte* piece, std::size_t n) {
    if (n > 0) std::memcpy(piece, at, n);
    at += n;
  });
  adopt(s, std::move(fresh));
  return Status::ok;
}

}  // namespace detail
}  // namespace CREST_ABI
}  // namespace crest
