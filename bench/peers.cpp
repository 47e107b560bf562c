#include "peers.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "text.hpp"

namespace bench {

namespace {

using nlohmann::json;

/// All cases of one peer and type.
struct Record {
  std::vector<double> ratios;
  double least = 1e30, error = 0, crest_error = 0;
  std::string least_case;

  void add(const json& row) {
    const double ratio = row.at("ratio");
    ratios.push_back(ratio);
    if (ratio < least) {
      least = ratio;
      least_case = row.at("case").get<std::string>() + format(" t%d", row.at("threads").get<int>());
    }
    error = std::max(error, row.at("err_rel_l2").get<double>());
    crest_error = std::max(crest_error, row.at("crest_err").get<double>());
  }

  std::string line(const std::string& name) const {
    std::vector<double> sorted = ratios;
    std::sort(sorted.begin(), sorted.end());
    return format("%-32s %5zu %8.2fx %8.2fx %8.2fx  %-22s %8.1e %8.1e\n", name.c_str(), sorted.size(), least,
                  sorted[sorted.size() / 2], sorted.back(), least_case.c_str(), error, crest_error);
  }
};

}  // namespace

std::string peer_summary(const json& rows) {
  std::map<std::string, Record> records;
  std::string missing;
  for (const json& row : rows) {
    if (row.contains("ratio"))
      records[row.at("peer").get<std::string>() + " " + row.at("dtype").get<std::string>()].add(row);
    if (row.contains("unavailable"))
      missing +=
          row.at("peer").get<std::string>() + " was not measured: " + row.at("unavailable").get<std::string>() + "\n";
  }
  if (records.empty()) return missing;
  std::string out =
      "\ntime of a peer / time of crest    cases    least   median     most  least at                  error    "
      "crest\n";
  for (const auto& [name, record] : records) out += record.line(name);
  return out + missing;
}

}  // namespace bench
