// Running the demo as a user does, and reading what it prints.
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

Outcome run_command(const std::string& command);
/// `environment`: assignments in front of the command, "NAME=value ".
Outcome run_demo(const std::filesystem::path& trace, const std::string& options = "",
                 const std::string& environment = "");

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
void make_trace(const std::filesystem::path& folder);

/// Numbers of one printed line, as shares.
struct Line {
  double keys_used = 0, error_mean = 0, error_p95 = 0, peak_found = 0, missed = 0;
};

/// Lines by layer and recipe.
std::map<int, std::map<std::string, Line>> parse(const std::string& text);

}  // namespace demo_test
