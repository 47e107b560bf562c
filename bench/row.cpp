#include "row.hpp"

#include <algorithm>

#include "text.hpp"

namespace bench {

double Limits::roofline_ms(const Shape& shape) const {
  return std::max(read_ms, fma_peak > 0 ? shape.flops() / fma_peak * 1e3 : 0.0);
}

nlohmann::json to_json(const Row& r) {
  const double dense = static_cast<double>(r.at.shape.kv_bytes(r.at.dtype));
  nlohmann::json out{{"peer", r.peer},
                     {"backend", r.backend},
                     {"case", r.at.shape.name()},
                     {"dtype", name(r.at.dtype)},
                     {"threads", r.at.threads},
                     {"n", r.at.shape.keys},
                     {"heads", r.at.shape.heads},
                     {"kv_heads", r.at.shape.kv_heads},
                     {"head_dim", r.at.shape.head_dim},
                     {"ms_min", r.ms_min},
                     {"ms_median", r.ms_median},
                     {"bytes", r.bytes},
                     {"gbs", r.gbs()},
                     {"limit_ms", r.limits.read_ms},
                     {"limit_gbs", dense / r.limits.read_ms * 1e-6},
                     {"limit_before_gbs", r.limits.before_gbs},
                     {"limit_after_gbs", r.limits.after_gbs},
                     {"limit_loop", r.limits.loop},
                     {"limit_gflops", r.limits.fma_peak * 1e-9},
                     {"err_rel_l2", r.error},
                     {"plausible", r.plausible}};
  if (r.bytes < dense) return out;  // what reads less has no limit to be held against
  out["pct_limit"] = 100 * r.limit_share();
  out["pct_roofline"] = 100 * r.roofline_share();
  return out;
}

std::string table_head() {
  return "case             type t backend |  exact ms   GB/s  limit  roof    error | textbook ms  ratio |"
         " clustered ms  ratio  bytes    error | read limit GB/s\n";
}

std::string table_notes() {
  return "ms: least wall time. limit: share of the read limit, the best of nine loops over the same bytes (in "
         "brackets:\n"
         "its first and last round). roof: share of the roofline, the larger of the time for the bytes and for the "
         "flops.\n"
         "ratio: textbook / exact, exact / clustered. error: relative L2 against double, four heads. clustered runs "
         "on\n"
         "queries that point at two plateaus of 48 keys; for real traces see cmake/run demo.\n";
}

std::string table_line(const Line& line) {
  const Row &e = line.exact, &t = line.textbook, &c = line.clustered;
  const double dense = static_cast<double>(e.at.shape.kv_bytes(e.at.dtype));
  std::string text = format("%-16s %-4s %d %-7s | %9.4f %6.1f %5.1f%% %4.0f%% %8.1e |", e.at.shape.name().c_str(),
                            name(e.at.dtype), e.at.threads, e.backend.c_str(), e.ms_min, e.gbs(), 100 * e.limit_share(),
                            100 * e.roofline_share(), e.error);
  text += t.ms_min > 0 ? format(" %11.3f %5.2fx |", t.ms_min, t.ms_min / e.ms_min) : format(" %11s %6s |", "-", "-");
  text += c.ms_min > 0
              ? format(" %12.4f %5.2fx %5.1f%% %8.1e |", c.ms_min, e.ms_min / c.ms_min, 100 * c.bytes / dense, c.error)
              : format(" %12s %6s %6s %8s |", "-", "-", "-", "-");
  text += format(" %.1f (%.1f, %.1f)%s\n", dense / e.limits.read_ms * 1e-6, e.limits.before_gbs, e.limits.after_gbs,
                 e.plausible ? "" : "  FASTER THAN THE LIMIT: measuring error");
  return text;
}

}  // namespace bench
