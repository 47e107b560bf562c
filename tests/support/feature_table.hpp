// The table of docs/features.md; CREST_FEATURES is its path.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace test {

/// Its lines: feature, exact, clustered, guided.
inline std::vector<std::vector<std::string>> feature_rows() {
  std::ifstream file(CREST_FEATURES);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| ") || line.starts_with("| feature")) continue;
    std::vector<std::string> cells;
    std::istringstream parts(line.substr(1));
    for (std::string cell; std::getline(parts, cell, '|');) cells.push_back(cell.substr(1, cell.size() - 2));
    if (cells.size() == 4) rows.push_back(cells);
  }
  return rows;
}

}  // namespace test
