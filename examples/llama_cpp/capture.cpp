#include "capture.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cache_node.hpp"

namespace plugin {
namespace {

namespace fs = std::filesystem;

/// Up to 256 positions spread over the context, then the last 256.
std::vector<std::int64_t> chosen_positions(Index keys) {
  constexpr Index dense = 256, spread = 256;
  std::vector<std::int64_t> positions;
  const Index early = std::max<Index>(keys - dense, 0), step = std::max<Index>(early / spread, 1);
  for (Index p = step - 1; p < early && static_cast<Index>(positions.size()) < spread; p += step)
    positions.push_back(p);
  for (Index p = early; p < keys; ++p) positions.push_back(p);
  return positions;
}

/// A NumPy array file: magic, version 1.0, length of the header, the header padded to 64 bytes, the elements.
template <class T>
void write_npy(const fs::path& file, const char* type, const std::vector<Index>& shape, const std::vector<T>& data) {
  std::string header = std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': (";
  for (Index extent : shape) header += std::to_string(extent) + ",";
  header += ")}";
  header.append(63 - (header.size() + 10) % 64, ' ').push_back('\n');
  std::ofstream out(file, std::ios::binary);
  out.write("\x93NUMPY\x01\x00", 8);
  const std::uint16_t length = static_cast<std::uint16_t>(header.size());
  out.write(reinterpret_cast<const char*>(&length), sizeof length);
  out << header;
  out.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size() * sizeof(T)));
}

/// Rows 0..keys - 1 of a cache as [kv_heads, keys, dim] in f16.
template <class T>
std::vector<crest::f16> cache_rows(const crest::TensorView<const T, 3>& rows, Index keys) {
  std::vector<crest::f16> all;
  for (Index h = 0; h < rows.extent(0); ++h)
    for (Index j = 0; j < keys; ++j)
      for (Index x = 0; x < rows.extent(2) * crest::elements_in<T>; ++x)
        all.push_back(
            crest::to_f16(crest::element_in(rows(h, j, x / crest::elements_in<T>), x % crest::elements_in<T>)));
  return all;
}

template <class T>
void write_cache(const FlashNode& node, const fs::path& folder, const char* suffix, Index keys) {
  const crest::Problem<T> p = node.problem<T>(0);
  write_npy(folder / (std::string("k_") + suffix), "<f2", {p.kv_heads(), keys, p.head_dim()}, cache_rows(p.k, keys));
  write_npy(folder / (std::string("v_") + suffix), "<f2", {p.kv_heads(), keys, p.value_dim()}, cache_rows(p.v, keys));
}

}  // namespace

Capture::Capture(const CaptureOptions& options) : options_(options) {
  if (!options_.folder.empty()) positions_ = chosen_positions(options_.keys);
}

bool Capture::wants(const FlashNode& node, int layer) const {
  return !options_.folder.empty() && layer >= 0 && node.streams() == 1 && node.mask() &&
         (options_.layers.numbers.empty() || options_.layers.contains(layer));
}

void Capture::take(const FlashNode& node, Index query, Index position, Layer& layer) const {
  const auto at = std::lower_bound(positions_.begin(), positions_.end(), position);
  if (at == positions_.end() || *at != position) return;
  const crest::TensorView<const float, 3> q = node.queries_of(0);
  const Index slots = static_cast<Index>(positions_.size()), heads = q.extent(0), dim = q.extent(2);
  layer.q.resize(heads * slots * dim);
  for (Index h = 0; h < heads; ++h)
    for (Index x = 0; x < dim; ++x)
      layer.q[(h * slots + (at - positions_.begin())) * dim + x] = crest::to_f16(q(h, query, x));
  ++layer.taken;
}

void Capture::see(const FlashNode& node, const VisibleKeys& visible) {
  const int number = layer_of(node.k()->view_src ? node.k()->view_src : node.k());
  if (!wants(node, number)) return;
  Layer& layer = layers_[number];
  for (Index query = 0; query < node.queries() && !layer.written; ++query) {
    const auto seen = visible.of_row(query);
    if (seen.size() != 1 || seen[0].first != 0 || seen[0].last > options_.keys) continue;
    take(node, query, seen[0].last - 1, layer);
    if (seen[0].last == options_.keys) write(node, number, layer);
  }
}

void Capture::write(const FlashNode& node, int number, Layer& layer) {
  layer.written = true;
  if (layer.taken != static_cast<Index>(positions_.size())) {
    std::fprintf(stderr, "crest: layer %d is not captured: %td of %zu queries seen\n", number, layer.taken,
                 positions_.size());
    return;
  }
  fs::create_directories(options_.folder);
  const fs::path folder = options_.folder;
  char suffix[16];
  std::snprintf(suffix, sizeof suffix, "%02d.npy", number);
  write_npy(folder / (std::string("q_") + suffix), "<f2",
            {node.heads(), static_cast<Index>(positions_.size()), node.q()->ne[0]}, layer.q);
  with_element(node.k()->type,
               [&]<class T>(std::type_identity<T>) { write_cache<T>(node, folder, suffix, options_.keys); });
  write_meta(node);
}

/// Again after every layer, with the layers written so far.
void Capture::write_meta(const FlashNode& node) const {
  const fs::path folder = options_.folder;
  write_npy(folder / "qpos.npy", "<i8", {static_cast<Index>(positions_.size())}, positions_);
  std::string layers;
  for (const auto& [number, layer] : layers_)
    if (layer.written) layers += (layers.empty() ? "" : ", ") + std::to_string(number);
  std::ofstream(folder / "meta.json") << "{\"n\": " << options_.keys << ", \"n_head\": " << node.heads()
                                      << ", \"n_kv\": " << node.kv_heads() << ", \"head_dim\": " << node.q()->ne[0]
                                      << ", \"value_dim\": " << node.v()->ne[0] << ", \"scale\": " << node.scale()
                                      << ", \"layers\": [" << layers << "]}\n";
}

}  // namespace plugin
