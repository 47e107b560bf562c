// Saving a SketchBasis to bytes, and loading it again. A file of a basis is just these bytes: the library opens none.
//
//   version word, kv_heads, head_dim, fields   4 x uint32, in this machine's byte order: the version word of another
//   reads
//                                              as an unknown version
//   checksum                                   uint64, over all that follows and the four numbers before
//   bits                                       a byte per field, then zeros up to a multiple of 4
//   key_matrix, query_matrix                   floats, [kv_heads][4 * fields][head_dim] each
#pragma once

#include <cmath>
#include <span>
#include <utility>

#include "crest/core/hash.hpp"
#include "crest/sketch/state.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

/// What stands before a saved basis.
struct BasisHeader {
  static constexpr std::uint32_t version_word = 0x43524231;  ///< "CRB1"; a new layout gets a new word
  std::uint32_t version = version_word, kv_heads = 0, head_dim = 0, fields = 0;
  std::uint64_t checksum = 0;

  /// Floats of one matrix, and bytes behind the header.
  std::uint64_t floats() const { return std::uint64_t{4} * kv_heads * head_dim * fields; }
  std::uint64_t padded_bits() const { return (std::uint64_t{fields} + 3) / 4 * 4; }
  std::uint64_t payload() const { return padded_bits() + 2 * floats() * sizeof(float); }
  /// Of a payload and the four numbers.
  std::uint64_t sum_over(const std::byte* payload_bytes) const {
    return hash_bytes(payload_bytes, static_cast<std::size_t>(payload()), hash_bytes(this, 4 * sizeof(version), 0));
  }
  /// Whether sizes are those of a basis, small enough that no product above overflows.
  bool plausible() const {
    constexpr std::uint32_t most = 1u << 16;
    return version == version_word && kv_heads >= 1 && kv_heads <= most && head_dim >= 1 && head_dim <= most &&
           fields >= 1 && fields <= (head_dim + 3) / 4;
  }
};

/// A basis that a KeySketch can use: known widths, no more coordinates than head_dim fills, finite matrices of that
/// shape.
inline bool sound(const SketchBasis& b) {
  const Index fields = static_cast<Index>(b.bits.size());
  const std::size_t floats = static_cast<std::size_t>(b.kv_heads * b.mapped * b.head_dim);
  if (b.kv_heads < 1 || b.head_dim < 1 || fields < 1 || b.mapped != 4 * fields || fields > (b.head_dim + 3) / 4)
    return false;
  if (b.key_matrix.size() != floats || b.query_matrix.size() != floats) return false;
  float zero = 0;
  for (float x : b.key_matrix) zero += x * 0.0f;
  for (float x : b.query_matrix) zero += x * 0.0f;
  bool known = zero == 0;
  for (std::uint8_t bits : b.bits) known &= bits == 1 || bits == 2 || bits == 4;
  return known;
}

inline BasisHeader header_of(const SketchBasis& b) {
  BasisHeader h;
  h.kv_heads = static_cast<std::uint32_t>(b.kv_heads);
  h.head_dim = static_cast<std::uint32_t>(b.head_dim);
  h.fields = static_cast<std::uint32_t>(b.bits.size());
  return h;
}

}  // namespace detail

/// Bytes that save_basis() writes.
inline std::size_t saved_bytes(const SketchBasis& basis) {
  return sizeof(detail::BasisHeader) + static_cast<std::size_t>(detail::header_of(basis).payload());
}

/// Writes a basis to at least saved_bytes() bytes. Status::sketch_basis: it is not one; Status::sketch_saved: too few
/// bytes.
[[nodiscard]] inline Status save_basis(const SketchBasis& basis, std::span<std::byte> to) {
  if (!detail::sound(basis)) return Status::sketch_basis;
  if (to.size() < saved_bytes(basis)) return Status::sketch_saved;
  detail::BasisHeader header = detail::header_of(basis);
  const std::size_t bits = static_cast<std::size_t>(header.padded_bits()),
                    matrix = basis.key_matrix.size() * sizeof(float);
  std::byte* at = to.data() + sizeof header;
  std::memset(at, 0, bits);
  std::memcpy(at, basis.bits.data(), basis.bits.size());
  std::memcpy(at + bits, basis.key_matrix.data(), matrix);
  std::memcpy(at + bits + matrix, basis.query_matrix.data(), matrix);
  header.checksum = header.sum_over(at);
  std::memcpy(to.data(), &header, sizeof header);
  return Status::ok;
}

/// Replaces `basis` by a saved one. Status::sketch_saved: too few bytes, another version, or not as they were saved;
/// `basis` is unchanged then. Like any growing vector it may throw std::bad_alloc.
[[nodiscard]] inline Status load_basis(std::span<const std::byte> from, SketchBasis& basis) {
  detail::BasisHeader header;
  if (from.size() < sizeof header) return Status::sketch_saved;
  std::memcpy(&header, from.data(), sizeof header);
  const std::byte* at = from.data() + sizeof header;
  if (!header.plausible() || from.size() - sizeof header < header.payload() || header.checksum != header.sum_over(at))
    return Status::sketch_saved;
  SketchBasis loaded{.kv_heads = header.kv_heads, .head_dim = header.head_dim, .mapped = Index{4} * header.fields};
  const std::size_t floats = static_cast<std::size_t>(header.floats()),
                    bits = static_cast<std::size_t>(header.padded_bits());
  loaded.bits.resize(header.fields);
  std::memcpy(loaded.bits.data(), at, header.fields);
  for (std::vector<float>* matrix : {&loaded.key_matrix, &loaded.query_matrix}) matrix->resize(floats);
  std::memcpy(loaded.key_matrix.data(), at + bits, floats * sizeof(float));
  std::memcpy(loaded.query_matrix.data(), at + bits + floats * sizeof(float), floats * sizeof(float));
  if (!detail::sound(loaded)) return Status::sketch_saved;
  basis = std::move(loaded);
  return Status::ok;
}

}  // namespace CREST_ABI
}  // namespace crest
