#include "features.hpp"
#include "text.hpp"

namespace bench {

namespace {

constexpr const char* of_names[] = {"ratio", "limit", "roof", "peak", "error"};

std::string name(Goal goal) { return of_names[static_cast<int>(goal.of)]; }

/// "roof 0.71 >= 0.65, met".
std::string verdict(const FeatureRow& r, Goal goal) {
  return format("%s %.3g %s %.3g, %s", name(goal).c_str(), r.reached(goal), goal.at_most() ? "<=" : ">=", goal.bound,
                r.meets(goal) ? "met" : "MISSED");
}

std::string verdicts(const FeatureRow& r) {
  std::string text;
  for (const Goal& goal : r.goals) text += (text.empty() ? "" : "; ") + verdict(r, goal);
  return text;
}

}  // namespace

double FeatureRow::reached(Goal goal) const {
  switch (goal.of) {
    case Goal::Of::ratio:
      return ratio();
    case Goal::Of::limit:
      return row.limit_share();
    case Goal::Of::roofline:
      return row.roofline_share();
    case Goal::Of::peak:
      return peak_share();
    default:
      return row.error;
  }
}

bool FeatureRow::meets(Goal goal) const {
  return goal.at_most() ? reached(goal) <= goal.bound : reached(goal) >= goal.bound;
}

nlohmann::json to_json(const FeatureRow& r) {
  nlohmann::json out = to_json(r.row);
  out["group"] = r.group;
  out["feature"] = r.what;
  out["base_ms"] = r.base_ms;
  out["over_base"] = r.ratio();
  out["pct_peak"] = 100 * r.peak_share();
  out["goals"] = verdicts(r);
  return out;
}

std::string feature_head() {
  return "what     case              type  backend feature               |       ms  GB/s limit roof peak  ratio   "
         "error"
         " | goals\n";
}

std::string feature_line(const FeatureRow& r) {
  const Row& t = r.row;
  std::string text = format("%-8s %-17s %-5s %-7s %-21s | %8.4f %5.1f %4.0f%% %3.0f%% %3.0f%% %6.3f ", r.group.c_str(),
                            t.at.shape.name().c_str(), name(t.at.dtype), t.backend.c_str(), r.what.c_str(), t.ms_min,
                            t.gbs(), 100 * t.limit_share(), 100 * t.roofline_share(), 100 * r.peak_share(), r.ratio());
  return text + (t.error > 0 ? format("%7.1e", t.error) : format("%7s", "-")) + " | " + verdicts(r) + "\n";
}

std::string feature_notes() {
  return "ms: least wall time; of one query where there are several. limit, roof: as above, of the bytes of that "
         "cache.\n"
         "peak: share of the f32 multiply-adds that the backend's vectors can do. ratio: time over that of the first\n"
         "line of the same backend. error: relative L2 against double on the numbers that the cache holds, four "
         "heads.\n"
         "Pages lie in shuffled order as [page][kv_head][key][head_dim]. cascade: 8 sequences with 8192 keys in "
         "common\n"
         "and 128 of their own, one query each. mla: values are the first 512 elements of the keys' 576.\n";
}

}  // namespace bench
