// One layer of a trace, read and attended to the slow way: in double, in plain loops, from the files. Nothing here uses
// the library.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace demo_test {

/// Output of one row over some keys, and the sum of weights against a reference.
struct Output {
  std::vector<double> o;
  double sum = 0;
};

/// |o - exact| / |exact|
double relative_error(const std::vector<double>& o, const std::vector<double>& exact);

double mean(const std::vector<double>& errors);
/// The one that lies at `share` (0..1) of all values in ascending order.
double quantile(std::vector<double> values, double share);

/// Positions of the queries of a trace.
std::vector<std::int64_t> positions(const std::filesystem::path& trace);

struct SlowLayer {
  long keys, heads, kv_heads, dim, value_dim;
  std::vector<std::int64_t> at;
  std::vector<double> q, k, v;

  SlowLayer(const std::filesystem::path& trace, int layer);

  long group() const { return heads / kv_heads; }
  long queries() const { return static_cast<long>(at.size()); }
  long visible(long query) const { return at[static_cast<std::size_t>(query)] + 1; }
  const double* query_row(long head, long query) const { return q.data() + (head * queries() + query) * dim; }
  const double* key(long kv_head, long j) const { return k.data() + (kv_head * keys + j) * dim; }
  const double* value(long kv_head, long j) const { return v.data() + (kv_head * keys + j) * value_dim; }

  /// Of the visible keys.
  std::vector<double> scores(long head, long query) const;
  Output attend(long head, const std::vector<double>& scores, const std::vector<long>& kept, double reference) const;
  /// Over all visible keys.
  std::vector<double> exact(long head, const std::vector<double>& scores) const;
};

}  // namespace demo_test
