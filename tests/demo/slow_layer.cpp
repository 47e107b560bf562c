#include "slow_layer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>

#include "run_demo.hpp"

namespace demo_test {
namespace {

namespace fs = std::filesystem;

double from_half(std::uint16_t h) {
  const int exponent = h >> 10 & 0x1f, mantissa = h & 0x3ff;
  const double magnitude = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
  return h & 0x8000 ? -magnitude : magnitude;
}

/// The elements of a .npy file of version 1: they start behind a header whose length stands at byte 8.
template <class T>
std::vector<T> elements(const fs::path& file) {
  const std::string bytes = contents(file);
  const std::size_t start = 10 + static_cast<unsigned char>(bytes[8]) + 256 * static_cast<unsigned char>(bytes[9]);
  std::vector<T> data((bytes.size() - start) / sizeof(T));
  std::memcpy(data.data(), bytes.data() + start, data.size() * sizeof(T));
  return data;
}

std::vector<double> halves(const fs::path& folder, const char* name, int layer) {
  char file[32];
  std::snprintf(file, sizeof file, "%s_%02d.npy", name, layer);
  std::vector<double> d;
  for (std::uint16_t h : elements<std::uint16_t>(folder / file)) d.push_back(from_half(h));
  return d;
}

long number(const std::string& meta, const std::string& field, long otherwise) {
  const std::string key = "\"" + field + "\":";
  const std::size_t at = meta.find(key);
  return at == std::string::npos ? otherwise : std::stol(meta.substr(at + key.size()));
}

}  // namespace

double relative_error(const std::vector<double>& o, const std::vector<double>& exact) {
  double off = 0, norm = 0;
  for (std::size_t x = 0; x < exact.size(); ++x) {
    off += std::pow(exact[x] - o[x], 2);
    norm += std::pow(exact[x], 2);
  }
  return std::sqrt(off / norm);
}

double mean(const std::vector<double>& errors) {
  return std::accumulate(errors.begin(), errors.end(), 0.0) / static_cast<double>(errors.size());
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(std::lround(share * static_cast<double>(values.size() - 1)))];
}

std::vector<std::int64_t> positions(const fs::path& trace) { return elements<std::int64_t>(trace / "qpos.npy"); }

SlowLayer::SlowLayer(const fs::path& trace, int layer)
    : at(positions(trace)), q(halves(trace, "q", layer)), k(halves(trace, "k", layer)), v(halves(trace, "v", layer)) {
  const std::string meta = contents(trace / "meta.json");
  keys = number(meta, "n", 0);
  heads = number(meta, "n_head", 0);
  kv_heads = number(meta, "n_kv", 0);
  dim = number(meta, "head_dim", 0);
  value_dim = number(meta, "value_dim", dim);
}

std::vector<double> SlowLayer::scores(long head, long query) const {
  std::vector<double> s;
  const double* row = query_row(head, query);
  for (long j = 0; j < visible(query); ++j)
    s.push_back(std::inner_product(row, row + dim, key(head / group(), j), 0.0) / std::sqrt(static_cast<double>(dim)));
  return s;
}

Output SlowLayer::attend(long head, const std::vector<double>& s, const std::vector<long>& kept,
                         double reference) const {
  Output out{std::vector<double>(static_cast<std::size_t>(value_dim)), 0};
  for (long j : kept) {
    const double w = std::exp(s[static_cast<std::size_t>(j)] - reference), *row = value(head / group(), j);
    for (std::size_t x = 0; x < out.o.size(); ++x) out.o[x] += w * row[x];
    out.sum += w;
  }
  for (double& x : out.o) x /= out.sum;
  return out;
}

std::vector<double> SlowLayer::exact(long head, const std::vector<double>& s) const {
  std::vector<long> all(s.size());
  std::iota(all.begin(), all.end(), 0L);
  return attend(head, s, all, *std::max_element(s.begin(), s.end())).o;
}

}  // namespace demo_test
