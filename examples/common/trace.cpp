#include "trace.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace demo {
namespace {

using crest::Index;
using nlohmann::json;
namespace fs = std::filesystem;

[[noreturn]] void fail_meta(const std::string& field, const std::string& what) { fail_trace("meta.json", field, what); }

json read_meta(const fs::path& folder) {
  std::ifstream in(folder / "meta.json");
  if (!in) fail_meta("file", "cannot be opened");
  const json meta = json::parse(in, nullptr, false);
  if (!meta.is_object()) fail_meta("file", "is not a JSON object");
  return meta;
}

/// A whole number in 1..most.
Index count(const json& meta, const std::string& field, Index most) {
  if (!meta.contains(field)) fail_meta(field, "missing");
  const json& value = meta[field];
  if (!value.is_number_integer() || value < 1 || value > most)
    fail_meta(field, "is " + value.dump() + ", expected a whole number in 1.." + std::to_string(most));
  return value.get<Index>();
}

std::string words(const json& meta, const std::string& field) {
  if (!meta.contains(field)) return {};
  if (!meta[field].is_string()) fail_meta(field, "is " + meta[field].dump() + ", expected a string");
  return meta[field];
}

float scale(const json& meta, Index head_dim) {
  if (!meta.contains("scale")) return 1 / std::sqrt(static_cast<float>(head_dim));
  const json& value = meta["scale"];
  if (!value.is_number() || !(value > 0)) fail_meta("scale", "is " + value.dump() + ", expected a positive number");
  return value;
}

std::vector<int> layer_numbers(const json& meta) {
  if (!meta.contains("layers")) fail_meta("layers", "missing");
  const json& value = meta["layers"];
  if (!value.is_array() || value.empty()) fail_meta("layers", "is " + value.dump() + ", expected a list of layers");
  std::vector<int> numbers;
  for (const json& layer : value) {
    if (!layer.is_number_integer() || layer < 0 || layer > 9999) fail_meta("layers", layer.dump() + " is not a layer");
    numbers.push_back(layer);
  }
  return numbers;
}

Trace read_shape(const fs::path& folder) {
  constexpr Index most_keys = 1 << 30, most = 4096;
  const json meta = read_meta(folder);
  Trace t;
  t.name = fs::weakly_canonical(folder).filename().string();
  t.model = words(meta, "model");
  t.text = words(meta, "text");
  t.keys = count(meta, "n", most_keys);
  t.heads = count(meta, "n_head", most);
  t.kv_heads = count(meta, "n_kv", most);
  t.head_dim = count(meta, "head_dim", most);
  t.value_dim = meta.contains("value_dim") ? count(meta, "value_dim", most) : t.head_dim;
  t.scale = scale(meta, t.head_dim);
  if (t.heads % t.kv_heads) fail_meta("n_head", "must be a multiple of n_kv");
  for (int number : layer_numbers(meta)) t.layers.push_back({number, {}, {}, {}});
  return t;
}

std::vector<Index> read_positions(const fs::path& file, Index keys) {
  const std::vector<Index> shape = npy_shape(file);
  if (shape.size() != 1 || shape[0] < 1) fail_trace(file, "shape", "expected one axis of at least 1 position");
  const std::vector<std::byte> bytes = read_npy(file, {"<i8", 8, shape});
  std::vector<Index> positions(bytes.size() / 8);
  std::memcpy(positions.data(), bytes.data(), bytes.size());
  for (Index p : positions)
    if (p < 0 || p >= keys)
      fail_trace(file, "data", "position " + std::to_string(p) + " is outside 0.." + std::to_string(keys - 1));
  return positions;
}

std::vector<crest::f16> read_halves(const fs::path& file, std::vector<Index> shape) {
  const std::vector<std::byte> bytes = read_npy(file, {"<f2", 2, std::move(shape)});
  std::vector<crest::f16> halves(bytes.size() / 2);
  std::memcpy(halves.data(), bytes.data(), bytes.size());
  for (std::size_t i = 0; i < halves.size(); ++i)
    if (!std::isfinite(to_float(halves[i])))
      fail_trace(file, "data", "element " + std::to_string(i) + " is not finite");
  return halves;
}

/// `queries`: what stands before "q" in the names of files.
void read_layer(const fs::path& folder, const std::string& queries, const Trace& t, Layer& layer) {
  char suffix[16];
  std::snprintf(suffix, sizeof suffix, "_%02d.npy", layer.number);
  const auto file = [&](const std::string& name) { return folder / (name + suffix); };
  for (crest::f16 x : read_halves(file(queries + "q"), {t.heads, t.queries(), t.head_dim}))
    layer.q.push_back(to_float(x));
  layer.k = read_halves(file("k"), {t.kv_heads, t.keys, t.head_dim});
  layer.v = read_halves(file("v"), {t.kv_heads, t.keys, t.value_dim});
}

Trace read(const fs::path& folder, const std::string& queries) {
  if (!fs::is_directory(folder)) fail_trace(folder, "trace", "is not a folder");
  Trace trace = read_shape(folder);
  trace.positions = read_positions(folder / (queries + "qpos.npy"), trace.keys);
  for (Layer& layer : trace.layers) read_layer(folder, queries, trace, layer);
  return trace;
}

/// How many of the last positions follow one another.
Index neighbours(const std::vector<Index>& positions) {
  Index n = 1;
  while (n < std::ssize(positions) && positions.end()[-n - 1] + 1 == positions.end()[-n]) ++n;
  return n;
}

/// Of `tables` tables of equally many rows, the last or the first `rows` rows of each.
template <class T>
std::vector<T> rows_of(const std::vector<T>& all, Index tables, Index rows, Index dim, bool last) {
  const Index whole = std::ssize(all) / tables, skipped = last ? whole - rows * dim : 0;
  std::vector<T> some;
  for (Index i = 0; i < tables; ++i) {
    const auto first = all.begin() + i * whole + skipped;
    some.insert(some.end(), first, first + rows * dim);
  }
  return some;
}

/// Leaves the last `queries` queries and the keys that they see.
void cut(Trace& t, Index queries) {
  t.keys = t.positions.back() + 1;
  t.positions.erase(t.positions.begin(), t.positions.end() - queries);
  for (Layer& layer : t.layers) {
    layer.q = rows_of(layer.q, t.heads, queries, t.head_dim, true);
    layer.k = rows_of(layer.k, t.kv_heads, t.keys, t.head_dim, false);
    layer.v = rows_of(layer.v, t.kv_heads, t.keys, t.value_dim, false);
  }
}

}  // namespace

Trace read_trace(const fs::path& folder) { return read(folder, ""); }

Trace read_prompt(const fs::path& folder, PromptSize size) {
  const std::string queries = fs::exists(folder / "prompt_qpos.npy") ? "prompt_" : "";
  Trace trace = read(folder, queries);
  const Index found = neighbours(trace.positions);
  if (found < size.least)
    fail_trace(queries + "qpos.npy", "data",
               "the last " + std::to_string(found) + " of " + std::to_string(trace.queries()) +
                   " positions follow one another, a prompt needs at least " + std::to_string(size.least));
  cut(trace, std::min(found, size.most));
  return trace;
}

}  // namespace demo
