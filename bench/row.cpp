#include "row.hpp"

#include "text.hpp"

namespace bench {

Row::Row(std::string what, crest::Backend b, const Case& c, const Contestant& contestant, const Limits& all)
    : peer(std::move(what)),
      backend(b.name()),
      at(c),
      ms_min(contestant.least() * 1e3),
      ms_median(contestant.median() * 1e3),
      bytes(static_cast<double>(c.shape.kv_bytes(c.dtype))),
      flops(c.shape.flops()),
      limits(all) {}

void Row::charge(const crest::Report& sums, int calls) {
  bytes = static_cast<double>(sums.bytes_read) / calls;
  flops = 2.0 * static_cast<double>(at.shape.head_dim * (sums.keys_scored + sums.keys_used)) / calls;
}

double Row::bytes_share() const { return bytes / static_cast<double>(at.shape.kv_bytes(at.dtype)); }

nlohmann::json to_json(const Row& r) {
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
                     {"pct_bytes", 100 * r.bytes_share()},
                     {"gbs", r.gbs()},
                     {"limit_gbs", r.limits.read_gbs},
                     {"limit_before_gbs", r.limits.first_gbs},
                     {"limit_after_gbs", r.limits.last_gbs},
                     {"limit_loop", r.limits.loop},
                     {"limit_gflops", r.limits.fma_peak * 1e-9},
                     {"pct_roofline", 100 * r.roofline_share()},
                     {"err_rel_l2", r.error},
                     {"plausible", r.plausible}};
  if (r.bytes_share() >= 1) out["pct_limit"] = 100 * r.limit_share();  // a few rows here and there have another limit
  return out;
}

std::string table_head() {
  return "case             type t backend |  exact ms  GB/s limit roof   error | textbook  ratio roof | clustered"
         "  ratio bytes roof   error | limit GB/s\n";
}

std::string table_notes() {
  return "ms: least wall time. limit: share of the read limit, the best of nine loops over the same bytes. roof: share "
         "of the\n"
         "roofline, the larger of the time for the bytes read and for the f32 multiply-adds done. ratio: textbook / "
         "exact,\n"
         "exact / clustered. error: relative L2 against double, four heads. clustered runs on queries that point at "
         "two\n"
         "plateaus of 48 keys; for real traces see cmake/run demo.\n";
}

std::string table_line(const Line& line) {
  const Row &e = line.exact, &t = line.textbook, &c = line.clustered;
  std::string text = format("%-16s %-4s %d %-7s | %9.4f %5.1f %4.0f%% %3.0f%% %7.1e |", e.at.shape.name().c_str(),
                            name(e.at.dtype), e.at.threads, e.backend.c_str(), e.ms_min, e.gbs(), 100 * e.limit_share(),
                            100 * e.roofline_share(), e.error);
  text += t.ms_min > 0 ? format(" %8.3f %5.1fx %3.0f%% |", t.ms_min, t.ms_min / e.ms_min, 100 * t.roofline_share())
                       : format(" %8s %6s %4s |", "-", "-", "-");
  text += c.ms_min > 0 ? format(" %9.4f %5.2fx %4.0f%% %3.0f%% %7.1e |", c.ms_min, e.ms_min / c.ms_min,
                                100 * c.bytes_share(), 100 * c.roofline_share(), c.error)
                       : format(" %9s %6s %5s %4s %7s |", "-", "-", "-", "-", "-");
  text += format(" %.1f%s\n", e.limits.read_gbs, e.plausible ? "" : "  FASTER THAN THE LIMIT: measuring error");
  return text;
}

}  // namespace bench
