// What it costs to keep a sketch: KeySketch::append, one key at a time as a decoder does it, against a step of exact.
#pragma once

#include "measure.hpp"

namespace bench {

struct AppendCost {
  Case at{};
  std::string backend{};
  double exact_ms = 0;              ///< one step of exact at this length
  double k_us = 0, k_and_v_us = 0;  ///< append(k), append(k, v): a key of all KV heads, mean over a block of 64

  double share(double us) const { return us * 1e-3 / exact_ms; }
};

/// One entry for each backend. Memory is reserved before.
std::vector<AppendCost> measure_append(const Case&, const Effort&);

nlohmann::json to_json(const AppendCost&);

std::string append_head();
std::string append_line(const AppendCost&);

}  // namespace bench
