// Running the demo and the laboratory as a user does, and reading what the demo prints.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace demo_test {

struct Outcome {
  int exit_code = -1;
  std::string text;  ///< what it printed, on either stream
};

/// Of a printed line; cells stand at least two spaces apart.
std::vector<std::string> cells_of(const std::string& line);

Outcome run_command(const std::string& command);
/// `environment`: assignments in front of the command, "NAME=value ".
Outcome run_demo(const std::filesystem::path& trace, const std::string& options = "",
                 const std::string& environment = "");
/// The laboratory, 02_frontier.
Outcome run_frontier(const std::filesystem::path& trace, const std::string& options = "");

/// The bytes of a file.
std::string contents(const std::filesystem::path& file);

/// An empty folder of this test's own, removed at the end.
class Folder {
 public:
  Folder();
  Folder(const Folder&) = delete;
  ~Folder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Writes the generated trace into a folder.
void make_trace(const std::filesystem::path& folder, int keys = 2300);

/// Numbers of one printed line, as shares; NaN where it says "-".
struct Line {
  double keys_used = 0, error_mean = 0, error_p95 = 0, peak_found = 0, missed = 0;
  double bytes_read = 0, error_told = 0, true_by_told = 0, rows_exact = 0;
};

/// What a method came to at one budget; NaN where it says "-".
struct Cell {
  double bytes = 0, mean = 0, p95 = 0;
};

/// Methods at equal bytes.
struct Contest {
  std::vector<double> budgets{};
  std::map<std::string, std::vector<Cell>> methods{};
};

/// Lines by layer and recipe.
std::map<int, std::map<std::string, Line>> parse(const std::string& text);

/// Contests by layer.
std::map<int, Contest> parse_contests(const std::string& text);

/// All that was printed in tables but what depends on time: the columns 1 to 4 and the read limit.
std::string timeless(const std::string& text);

}  // namespace demo_test
