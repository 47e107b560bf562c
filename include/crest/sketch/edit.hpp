// Editing a sketch: append, overwrite, truncate, memory, and saving.
#pragma once

#include "crest/core/kv_rows.hpp"
#include "crest/sketch/encode.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace detail {

/// Any view of keys or values as a view of const data.
template <class T>
CREST_INLINE TensorView<const T, 3> const_view(const TensorView<T, 3>& v) {
  return {v.data_handle(), {v.extent(0), v.extent(1), v.extent(2)}, {v.stride(0), v.stride(1), v.stride(2)}};
}

constexpr bool known_bits(int bits) { return bits == 1 || bits == 2 || bits == 4; }

/// Fields of four dimensions each, packed into dwords from bit widths.
inline void lay_out_fields(SketchState& s, const std::uint8_t* bits, Index count) {
  std::int32_t dword = 0, shift = 0;
  for (Index f = 0; f < count; ++f) {
    const int width = bits ? bits[f] : s.options.bits;
    if (shift + width > 8) ++dword, shift = 0;
    const std::uint32_t top = (1u << width) - 1;
    s.fields.push_back({dword, shift, top * 0x01010101u, static_cast<float>(top) / 2});
    shift += width;
  }
  s.shape.mapped = 4 * count;
  s.shape.dwords = dword + 1;
}

/// Decides with the first keys whether 8-bit rows are kept: of values of `value_dim` elements, or none for 0. False,
/// and nothing changed, when memory is short.
inline bool set_values(SketchState& s, Index value_dim) {
  AlignedBytes signs = AlignedBytes::make(static_cast<std::size_t>(s.shape.head_dim + value_dim) * sizeof(float));
  if (!signs) return false;
  auto* sign = reinterpret_cast<float*>(signs.data());
  fill_signs(sign, s.shape.head_dim, s.options.seed);
  fill_signs(sign + s.shape.head_dim, value_dim, s.options.seed + 1);
  if (value_dim != s.shape.value_dim) s.rows = s.staged = AlignedBytes();
  s.signs = std::move(signs);
  s.with_rows = value_dim > 0;
  s.shape.value_dim = value_dim;
  return true;
}

inline void clear(SketchState& s) {
  s.shape.keys = s.shape.coded = 0;
  for (std::size_t head = 0; head < s.finite.size(); ++head) s.finite.data()[head] = std::byte{1};
}

inline SketchState make_state(Index kv_heads, Index head_dim, const SketchOptions& options) {
  SketchState s;
  s.kv_heads = kv_heads;
  s.shape.head_dim = head_dim;
  s.options = options;
  s.options.basis = nullptr;
  if (kv_heads < 1 || head_dim < 1 || !known_bits(options.bits)) return s;
  if (options.basis) s.basis = *options.basis;
  const bool own = !s.basis.bits.empty();
  lay_out_fields(s, own ? s.basis.bits.data() : nullptr,
                 own ? static_cast<Index>(s.basis.bits.size()) : (head_dim + 3) / 4);
  s.finite = AlignedBytes::make(static_cast<std::size_t>(kv_heads));
  set_values(s, 0);
  clear(s);
  return s;
}

/// The first rule that makes a sketch unusable.
inline Status check_state(const SketchState& s) {
  if (s.kv_heads < 1) return Status::sketch_kv_heads;
  if (s.shape.head_dim < 1) return Status::sketch_head_dim;
  if (!known_bits(s.options.bits)) return Status::sketch_bits;
  if (!s.signs || s.finite.size() == 0) return Status::out_of_memory;
  const std::size_t matrix = static_cast<std::size_t>(s.kv_heads * s.shape.mapped * s.shape.head_dim);
  const bool own = !s.basis.bits.empty();
  if (own && (s.basis.kv_heads != s.kv_heads || s.basis.head_dim != s.shape.head_dim ||
              s.basis.key_matrix.size() != matrix || s.basis.query_matrix.size() != matrix))
    return Status::sketch_basis;
  return Status::ok;
}

/// Views given to append or overwrite; v may be absent.
template <class T>
Status check_rows(const SketchState& s, const TensorView<const T, 3>& k, const TensorView<const T, 3>& v) {
  if (const Status bad = check_state(s); bad != Status::ok) return bad;
  const bool values = v.data_handle() != nullptr || v.extent(0) != 0;
  if (k.extent(0) != s.kv_heads) return Status::sketch_kv_heads;
  if (k.extent(2) * elements_in<T> != s.shape.head_dim || k.extent(1) < 0) return Status::sketch_head_dim;
  if (k.extent(1) > 0 && k.data_handle() == nullptr) return Status::k_null;
  if (k.extent(2) > 1 && k.stride(2) != 1) return Status::k_stride;
  if (s.shape.keys > 0 && values != s.with_rows) return Status::sketch_rows;
  if (!values) return Status::ok;
  if (v.extent(0) != s.kv_heads) return Status::v_kv_heads;
  if (v.extent(1) != k.extent(1)) return Status::v_keys;
  if (v.extent(2) < 1 || (s.shape.keys > 0 && v.extent(2) * elements_in<T> != s.shape.value_dim))
    return Status::sketch_value_dim;
  if (v.extent(1) > 0 && v.data_handle() == nullptr) return Status::v_null;
  return v.extent(2) > 1 && v.stride(2) != 1 ? Status::v_stride : Status::ok;
}

/// Bytes per KV head of each kind of memory, for `blocks` blocks.
struct Room {
  std::size_t codes, heads, rows, hashes;

  Room(const SketchState& s, Index blocks)
      : codes(static_cast<std::size_t>(blocks * s.shape.block_bytes())),
        heads(static_cast<std::size_t>(blocks * s.shape.head_bytes())),
        rows(s.with_rows ? keys(blocks) * static_cast<std::size_t>(s.shape.row_pitch()) : 0),
        hashes(keys(blocks) * sizeof(std::uint16_t)) {}

 private:
  static std::size_t keys(Index blocks) { return static_cast<std::size_t>(blocks * SketchView::block_keys); }
};

/// Larger memory with what `old` holds per head; empty when memory is short.
inline AlignedBytes enlarged(const AlignedBytes& old, Index heads, std::size_t to) {
  AlignedBytes fresh = AlignedBytes::make(static_cast<std::size_t>(heads) * to);
  const std::size_t from = std::min(old.size() / static_cast<std::size_t>(heads), to);
  for (Index h = 0; h < heads && fresh && from > 0 && to > 0; ++h)
    std::memcpy(fresh.data() + h * to, old.data() + h * from, from);
  return fresh;
}

/// Floats behind the staged keys for an Intake: one row, and what its Encoder works in.
inline Index intake_floats(const SketchState& s) {
  return s.staged_pitch() + std::max(s.shape.head_dim, s.shape.value_dim) + std::max(s.shape.mapped, s.shape.head_dim);
}

/// Room for `blocks` blocks per head. All new memory is had before any old memory is given up.
inline Status grow(SketchState& s, Index blocks) {
  const bool enough = blocks <= s.capacity_blocks && (!s.with_rows || s.rows.size() > 0);
  const Index capacity = enough || blocks <= s.capacity_blocks
                             ? s.capacity_blocks
                             : std::max({blocks, s.capacity_blocks + s.capacity_blocks / 2, Index{4}});
  const Index stage =
      (s.kv_heads * SketchView::block_keys * s.staged_pitch() + intake_floats(s)) * Index{sizeof(float)};
  AlignedBytes staged;
  if (s.staged.size() < static_cast<std::size_t>(stage) &&
      !(staged = AlignedBytes::make(static_cast<std::size_t>(stage))))
    return Status::out_of_memory;
  if (!enough) {
    const Room room(s, capacity);
    AlignedBytes codes = enlarged(s.codes, s.kv_heads, room.codes),
                 hashes = enlarged(s.hashes, s.kv_heads, room.hashes);
    AlignedBytes rows = enlarged(s.rows, s.kv_heads, room.rows), heads = enlarged(s.heads, s.kv_heads, room.heads);
    if (!codes || !hashes || !rows || !heads) return Status::out_of_memory;
    s.codes = std::move(codes), s.hashes = std::move(hashes), s.rows = std::move(rows), s.heads = std::move(heads);
    s.capacity_blocks = capacity;
  }
  if (staged) s.staged = std::move(staged);
  return Status::ok;
}

inline constexpr Index most_keys = Index{1} << 31;

inline Index blocks_for(Index keys) { return (keys + SketchView::block_keys - 1) / SketchView::block_keys; }

inline Status reserve(SketchState& s, Index keys) {
  if (const Status bad = check_state(s); bad != Status::ok) return bad;
  return keys < 0 || keys >= most_keys ? Status::sketch_range : grow(s, blocks_for(keys));
}

/// One row, times a scale, as floats; false, and zeros, when some element is not finite.
template <class T>
bool load_row(const T* row, Index n, float scale, float* to) {
  float zero = 0;
  for (Index x = 0; x < n; ++x) {
    to[x] = element_at(row, x) * scale;
    zero += to[x] * 0.0f;
  }
  if (!(zero == 0)) std::fill(to, to + n, 0.0f);
  return zero == 0;
}

/// Takes in rows of one head: into the codes of their block, or on stage while that block has no mean yet.
template <class T>
class Intake {
 public:
  Intake(SketchState& s, Index head, const KvRows<T>& rows)
      : s_(s), head_(head), rows_(rows), spare_(s.stage(s.kv_heads, 0)) {
    float* x = spare_ + s.staged_pitch();
    encoder_ = {&s, head, x, x + std::max(s.shape.head_dim, s.shape.value_dim)};
  }

  /// Row `i` becomes key `j`, given that keys 0..coded - 1 have codes. Returns the new number of those.
  Index take(Index i, Index j, Index coded) {
    constexpr Index block = SketchView::block_keys;
    const bool open = j >= coded && coded % block == 0;
    float* floats = open ? s_.stage(head_, j % block) : spare_;
    read(i, j, floats);
    if (!open) {
      encoder_.encode(j, floats, floats + s_.shape.head_dim);
      return std::max(coded, j + 1);
    }
    if (j % block < block - 1) return coded;
    encoder_.close_block(j / block);
    return j + 1;
  }

 private:
  void read(Index i, Index j, float* floats) {
    const T* k = rows_.key(i);
    bool finite = load_row(k, s_.shape.head_dim, scale(rows_.k_scale, i), floats);
    if (s_.with_rows)
      finite &= load_row(rows_.value(i), s_.shape.value_dim, scale(rows_.v_scale, i), floats + s_.shape.head_dim);
    if (!finite) s_.finite.data()[head_] = std::byte{0};
    s_.hash(head_, j) = row_hash(k, s_.shape.head_dim);
  }

  float scale(const PerKey<float>& scales, Index i) const { return scales.data ? *rows_.pages.find(scales, i) : 1.0f; }

  SketchState& s_;
  Index head_;
  KvRows<T> rows_;
  float* spare_;
  Encoder encoder_{};
};

/// The rows of one head of two views.
template <class T>
KvRows<T> view_rows(const TensorView<const T, 3>& k, const TensorView<const T, 3>& v, Index head) {
  return {{k.data_handle() + head * k.stride(0), k.stride(1)}, {v.data_handle() + head * v.stride(0), v.stride(1)}};
}

/// Appends rows from, from + 1 ... from + m - 1 of what rows_of(head) gives, with values of `values` elements or none.
template <class T, class RowsOf>
Status append_rows(SketchState& s, Index from, Index m, Index values, RowsOf&& rows_of) {
  const Index first = s.shape.keys;
  if (m == 0) return Status::ok;
  if (m >= most_keys - first) return Status::too_many_keys;
  if (first == 0 && values != s.shape.value_dim && !set_values(s, values)) return Status::out_of_memory;
  if (const Status bad = grow(s, blocks_for(first + m)); bad != Status::ok) {
    if (first == 0) s.with_rows = false, s.shape.value_dim = 0;
    return bad;
  }
  Index coded = s.shape.coded;
  for (Index head = 0; head < s.kv_heads; ++head) {
    Intake<T> intake(s, head, rows_of(head));
    coded = s.shape.coded;
    for (Index i = 0; i < m; ++i) coded = intake.take(from + i, first + i, coded);
  }
  s.shape.coded = coded;
  s.shape.keys = first + m;
  return Status::ok;
}

template <class T>
Status append(SketchState& s, const TensorView<const T, 3>& k, const TensorView<const T, 3>& v) {
  static_assert(!is_scaled<T>, "crest: these elements need the scales of their keys: use follow()");
  if (const Status bad = check_rows(s, k, v); bad != Status::ok) return bad;
  return append_rows<T>(s, 0, k.extent(1), v.extent(0) != 0 ? v.extent(2) * elements_in<T> : 0,
                        [&](Index head) { return view_rows(k, v, head); });
}

/// Appends the keys a problem's cache holds beyond those of the sketch.
template <class T>
Status follow(SketchState& s, const Problem<T>& p, bool values) {
  if (const Status bad = check_state(s); bad != Status::ok) return bad;
  if (p.kv_heads() != s.kv_heads) return Status::sketch_kv_heads;
  if (p.head_dim() != s.shape.head_dim) return Status::sketch_head_dim;
  if (p.keys() < s.shape.keys) return Status::sketch_keys;
  if (s.shape.keys > 0 && values != s.with_rows) return Status::sketch_rows;
  if (s.shape.keys > 0 && values && p.value_dim() != s.shape.value_dim) return Status::sketch_value_dim;
  return append_rows<T>(s, s.shape.keys, p.keys() - s.shape.keys, values ? p.value_dim() : 0,
                        [&](Index head) { return kv_rows(p, head); });
}

template <class T>
Status overwrite(SketchState& s, Index first, const TensorView<const T, 3>& k, const TensorView<const T, 3>& v) {
  if (const Status bad = check_rows(s, k, v); bad != Status::ok) return bad;
  if (first < 0 || first > s.shape.keys - k.extent(1)) return Status::sketch_range;
  for (Index head = 0; head < s.kv_heads; ++head) {
    Intake<T> intake(s, head, view_rows(k, v, head));
    for (Index i = 0; i < k.extent(1); ++i) intake.take(i, first + i, s.shape.coded);
  }
  return Status::ok;
}

inline Status truncate(SketchState& s, Index keys) {
  if (keys < 0 || keys > s.shape.keys) return Status::sketch_range;
  s.shape.keys = keys;
  s.shape.coded = std::min(s.shape.coded, keys);
  if (keys == 0) clear(s);
  return Status::ok;
}

inline std::size_t memory_bytes(const SketchState& s) {
  return s.codes.size() + s.rows.size() + s.heads.size() + s.hashes.size() + s.staged.size() + sizeof s +
         s.signs.size() + (s.basis.key_matrix.size() + s.basis.query_matrix.size()) * sizeof(float) +
         s.fields.size() * sizeof(SketchField) + s.finite.size() + s.basis.bits.size();
}

}  // namespace detail
}  // namespace CREST_ABI
}  // namespace crest
