// The table of docs/features.md; CREST_FEATURES is its path.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace test {

/// Its lines: feature, exact, clustered, guided, sparse.
inline std::vector<std::vector<std::string>> feature_rows() {
  std::ifstream file(CREST_FEATURES);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  while (std::getline(file, line) && !line.starts_with("| feature")) continue;
  while (std::getline(file, line) && line.starts_with("|")) {
    if (line.starts_with("|---")) continue;
    std::vector<std::string> cells;
    std::istringstream parts(line.substr(1));
    for (std::string cell; std::getline(parts, cell, '|');) cells.push_back(cell.substr(1, cell.size() - 2));
    rows.push_back(cells);
  }
  return rows;
}

}  // namespace test
