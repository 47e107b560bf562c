#include "statistics.hpp"

#include <algorithm>
#include <sstream>

namespace plugin {
namespace {

std::string json_of(const Tally& t) {
  std::ostringstream out;
  out << "{\"nodes\": " << t.nodes << ", \"guided_nodes\": " << t.guided_nodes << ", \"rows\": " << t.rows
      << ", \"keys_visible\": " << t.keys_visible << ", \"keys_used\": " << t.keys_used
      << ", \"fallbacks\": " << t.fallbacks << ", \"bytes_read\": " << t.bytes_read
      << ", \"bytes_dense\": " << t.bytes_dense << ", \"worst_error\": " << t.worst_error
      << ", \"seconds\": " << t.seconds << "}";
  return out.str();
}

}  // namespace

void Tally::add(const crest::Report& report, bool guided, double took) {
  ++nodes;
  guided_nodes += guided;
  rows += report.rows;
  keys_visible += report.keys_visible;
  keys_used += report.keys_used;
  fallbacks += report.fallbacks;
  bytes_read += report.bytes_read;
  bytes_dense += report.bytes_dense;
  worst_error = std::max(worst_error, report.worst_error);
  seconds += took;
}

Statistics& Statistics::all() {
  static Statistics statistics;
  return statistics;
}

void Statistics::attended(const crest::Report& report, bool guided, Index queries, double seconds) {
  const std::lock_guard lock(mutex_);
  (queries > 1 ? prompt_ : decode_).add(report, guided, seconds);
}

void Statistics::reset() {
  const std::lock_guard lock(mutex_);
  prompt_ = decode_ = {};
  left_to_ggml_ = cache_writes_ = masks_read_ = 0;
}

std::string Statistics::json() const {
  const FollowerCosts costs = Followers::all().costs();
  const std::lock_guard lock(mutex_);
  std::ostringstream out;
  out << "{\"prompt\": " << json_of(prompt_) << ", \"decode\": " << json_of(decode_)
      << ", \"left_to_ggml\": " << left_to_ggml_ << ", \"cache_writes\": " << cache_writes_
      << ", \"masks_read\": " << masks_read_ << ", \"sketches\": {\"bytes\": " << costs.bytes
      << ", \"appended\": " << costs.appended << ", \"reread\": " << costs.reread << ", \"rebuilt\": " << costs.rebuilt
      << ", \"seconds\": " << costs.seconds << "}}";
  return out.str();
}

}  // namespace plugin
