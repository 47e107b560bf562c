#include "run_demo.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace demo_test {
namespace {

std::string quoted(const std::filesystem::path& path) { return std::string("'").append(path.string()).append("'"); }

constexpr std::size_t columns = 15;

/// "41.2 %" or "3.1e-07" as a share.
double share(const std::string& cell) {
  if (cell == "-") return std::numeric_limits<double>::quiet_NaN();
  const double number = std::stod(cell);
  return cell.ends_with('%') ? number / 100 : number;
}

}  // namespace

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  for (std::size_t at = 0; at != std::string::npos;) {
    const std::size_t end = line.find("  ", at);
    cells.push_back(line.substr(at, end == std::string::npos ? end : end - at));
    at = line.find_first_not_of(' ', end);
  }
  return cells;
}

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Outcome run_command(const std::string& command) {
  Outcome outcome;
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run: " + command);
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) outcome.text.append(buffer, n);
  const int status = pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

Outcome run_demo(const std::filesystem::path& trace, const std::string& options, const std::string& environment) {
  return run_command(environment + quoted(DEMO_PROGRAM) + " --repeat 1 --trace " + quoted(trace) + " " + options);
}

Outcome run_frontier(const std::filesystem::path& trace, const std::string& options) {
  return run_command(quoted(FRONTIER_PROGRAM) + " --trace " + quoted(trace) + " " + options);
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "crest_demo_XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

Folder::~Folder() { std::filesystem::remove_all(path_); }

void make_trace(const std::filesystem::path& folder, int keys) {
  const Outcome made = run_command(quoted(MAKE_TRACE_PROGRAM) + " " + quoted(folder) + " " + std::to_string(keys));
  if (made.exit_code != 0) throw std::runtime_error(made.text);
}

std::map<int, std::map<std::string, Line>> parse(const std::string& text) {
  std::map<int, std::map<std::string, Line>> layers;
  std::istringstream lines(text);
  int layer = -1;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("layer ")) layer = std::stoi(line.substr(6));
    const std::vector<std::string> c = cells_of(line);
    if (c.size() != columns || c[0] == "recipe" || c[0].empty()) continue;
    layers[layer][c[0]] = {share(c[6]), share(c[7]), share(c[8]),  share(c[12]), share(c[14]),
                           share(c[5]), share(c[9]), share(c[10]), share(c[11])};
  }
  return layers;
}

std::map<int, Contest> parse_contests(const std::string& text) {
  std::map<int, Contest> contests;
  std::istringstream lines(text);
  int layer = -1;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("layer ")) layer = std::stoi(line.substr(6));
    const std::vector<std::string> c = cells_of(line);
    if (c[0] == "budget, of dense")
      for (std::size_t i = 1; i < c.size(); ++i) contests[layer].budgets.push_back(share(c[i]));
    if (!contests.contains(layer) || c.size() != 1 + 3 * contests[layer].budgets.size() || c[0] == "method") continue;
    for (std::size_t i = 1; i < c.size(); i += 3)
      contests[layer].methods[c[0]].push_back({share(c[i]), share(c[i + 1]), share(c[i + 2])});
  }
  return contests;
}

std::string timeless(const std::string& text) {
  std::istringstream lines(text);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("... ") || line.find("read limit") != std::string::npos) continue;
    std::vector<std::string> c = cells_of(line);
    if (c.size() == columns) c.erase(c.begin() + 1, c.begin() + 5);
    for (const std::string& cell : c) kept += cell + "  ";
    kept += '\n';
  }
  return kept;
}

}  // namespace demo_test
