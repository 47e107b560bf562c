#include "recompute.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <numeric>
#include <set>

namespace demo_test {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

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

/// One layer of a trace.
struct Slow {
  long keys, heads, kv_heads, dim, value_dim;
  std::vector<std::int64_t> positions;
  std::vector<double> q, k, v;

  Slow(const fs::path& folder, int layer)
      : positions(elements<std::int64_t>(folder / "qpos.npy")),
        q(halves(folder, "q", layer)),
        k(halves(folder, "k", layer)),
        v(halves(folder, "v", layer)) {
    const std::string meta = contents(folder / "meta.json");
    keys = number(meta, "n", 0);
    heads = number(meta, "n_head", 0);
    kv_heads = number(meta, "n_kv", 0);
    dim = number(meta, "head_dim", 0);
    value_dim = number(meta, "value_dim", dim);
  }

  std::vector<double> scores(long head, std::size_t query) const {
    std::vector<double> s;
    const double* row = q.data() + (head * static_cast<long>(positions.size()) + static_cast<long>(query)) * dim;
    for (long j = 0; j <= positions[query]; ++j) {
      const double* key = k.data() + (head / (heads / kv_heads) * keys + j) * dim;
      s.push_back(std::inner_product(row, row + dim, key, 0.0) / std::sqrt(static_cast<double>(dim)));
    }
    return s;
  }
};

/// Scores of the heads of a group at one query, [head][key].
using Scores = std::vector<std::vector<double>>;

std::set<long> scored_keys(const Scores& s, const Clustered& c) {
  const long n = static_cast<long>(s[0].size());
  std::set<long> scored;
  for (long j = 0; j < n; ++j)
    if (j % c.stride == 0 || j < c.first || j >= n - c.last) scored.insert(j);
  const std::vector<long> before(scored.begin(), scored.end());
  for (const std::vector<double>& head : s) {
    std::vector<long> best = before;
    std::stable_sort(best.begin(), best.end(), [&](long a, long b) { return head[a] > head[b]; });
    best.resize(std::min<std::size_t>(best.size(), c.peaks));
    for (long peak : best)
      for (long j = std::max(0L, peak - c.reach); j <= std::min(n - 1, peak + c.reach); ++j) scored.insert(j);
  }
  return scored;
}

std::set<long> kept_keys(const Scores& s, const std::set<long>& scored, const Clustered& c) {
  const long n = static_cast<long>(s[0].size());
  std::set<long> kept;
  for (const std::vector<double>& head : s) {
    double peak = -1e300;
    for (long j : scored) peak = std::max(peak, head[j]);
    for (long j : scored)
      if (head[j] >= peak - c.drop || j < c.first || j >= n - c.last) kept.insert(j);
  }
  return kept;
}

/// Output of one row over some keys, and the sum of weights against the reference `peak`.
struct Output {
  std::vector<double> o;
  double sum = 0;
};

template <class Keys>
Output attend(const Slow& t, long head, const std::vector<double>& s, const Keys& keys, double peak) {
  Output out{std::vector<double>(t.value_dim), 0};
  for (long j : keys) {
    const double w = std::exp(s[j] - peak),
                 *value = t.v.data() + (head / (t.heads / t.kv_heads) * t.keys + j) * t.value_dim;
    for (long x = 0; x < t.value_dim; ++x) out.o[x] += w * value[x];
    out.sum += w;
  }
  for (double& x : out.o) x /= out.sum;
  return out;
}

/// Sums over rows.
struct Sums {
  double used = 0, visible = 0, found = 0, missed = 0;
  std::vector<double> errors;

  void add_row(const Slow& t, long head, const std::vector<double>& s, const std::set<long>& scored,
               const std::set<long>& kept) {
    std::vector<long> all(s.size());
    std::iota(all.begin(), all.end(), 0L);
    const auto peak = std::max_element(s.begin(), s.end());
    const Output exact = attend(t, head, s, all, *peak), cheap = attend(t, head, s, kept, *peak);
    double off = 0, norm = 0;
    for (std::size_t x = 0; x < exact.o.size(); ++x) {
      off += std::pow(exact.o[x] - cheap.o[x], 2);
      norm += std::pow(exact.o[x], 2);
    }
    errors.push_back(std::sqrt(off / norm));
    used += static_cast<double>(kept.size());
    visible += static_cast<double>(s.size());
    found += scored.contains(peak - s.begin());
    missed += 1 - cheap.sum / exact.sum;
  }

  Line line() {
    std::sort(errors.begin(), errors.end());
    const auto rows = static_cast<double>(errors.size());
    const double mean = std::accumulate(errors.begin(), errors.end(), 0.0) / rows;
    return {used / visible, mean, errors[std::lround(0.95 * (rows - 1))], found / rows, missed / rows};
  }
};

}  // namespace

Line recompute(const fs::path& trace, int layer, const Clustered& recipe) {
  const Slow t(trace, layer);
  const long group = t.heads / t.kv_heads;
  Sums sums;
  for (std::size_t query = 0; query < t.positions.size(); ++query)
    for (long kv_head = 0; kv_head < t.kv_heads; ++kv_head) {
      Scores s;
      for (long h = 0; h < group; ++h) s.push_back(t.scores(kv_head * group + h, query));
      const std::set<long> scored = scored_keys(s, recipe), kept = kept_keys(s, scored, recipe);
      for (long h = 0; h < group; ++h) sums.add_row(t, kv_head * group + h, s[h], scored, kept);
    }
  return sums.line();
}

}  // namespace demo_test
