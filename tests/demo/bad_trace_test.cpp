// A trace that cannot be used gives a message that names the file and the field, and exit code 2; never a crash, never
// numbers.

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "run_demo.hpp"

namespace demo_test {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

/// Replaces the first `from` in a file.
void replace(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = contents(file);
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << file << " holds no " << from;
  write(file, text.replace(at, from.size(), to));
}

void truncate(const fs::path& file, std::size_t bytes) { write(file, contents(file).substr(0, bytes)); }

/// Overwrites the last element of a file.
void overwrite_end(const fs::path& file, const std::string& bytes) {
  const std::string text = contents(file);
  write(file, text.substr(0, text.size() - bytes.size()) + bytes);
}

struct Harm {
  const char* name;
  std::function<void(const fs::path&)> apply;
  const char* file;
  const char* field;

  friend void PrintTo(const Harm& harm, std::ostream* out) { *out << harm.name; }
};

const std::string minus_one(8, '\xff');

const Harm harms[] = {
    {"NoFolder", [](const fs::path& t) { fs::remove_all(t); }, "made", "trace"},
    {"NoMeta", [](const fs::path& t) { fs::remove(t / "meta.json"); }, "meta.json", "file"},
    {"EmptyMeta", [](const fs::path& t) { write(t / "meta.json", ""); }, "meta.json", "file"},
    {"MetaIsNoObject", [](const fs::path& t) { write(t / "meta.json", "[1, 2]"); }, "meta.json", "file"},
    {"TruncatedMeta", [](const fs::path& t) { truncate(t / "meta.json", 40); }, "meta.json", "file"},
    {"NoKeys", [](const fs::path& t) { replace(t / "meta.json", "\"n\"", "\"m\""); }, "meta.json", "n"},
    {"KeysAreWords", [](const fs::path& t) { replace(t / "meta.json", "2300", "\"many\""); }, "meta.json", "n"},
    {"NoKeysAtAll", [](const fs::path& t) { replace(t / "meta.json", "2300", "0"); }, "meta.json", "n"},
    {"HugeKeys", [](const fs::path& t) { replace(t / "meta.json", "2300", "99999999999999"); }, "meta.json", "n"},
    {"HalfADimension", [](const fs::path& t) { replace(t / "meta.json", "40", "40.5"); }, "meta.json", "head_dim"},
    {"UnevenHeads", [](const fs::path& t) { replace(t / "meta.json", "\"n_head\": 4", "\"n_head\": 5"); }, "meta.json",
     "n_head"},
    {"NoLayers", [](const fs::path& t) { replace(t / "meta.json", "[3, 11]", "[]"); }, "meta.json", "layers"},
    {"LayersAreANumber", [](const fs::path& t) { replace(t / "meta.json", "[3, 11]", "3"); }, "meta.json", "layers"},
    {"UnknownLayer", [](const fs::path& t) { replace(t / "meta.json", "[3, 11]", "[3, 12]"); }, "q_12.npy", "file"},
    {"TextIsANumber", [](const fs::path& t) { replace(t / "meta.json", "\"made up\"", "7"); }, "meta.json", "text"},
    {"EmptyFile", [](const fs::path& t) { write(t / "k_03.npy", ""); }, "k_03.npy", "magic"},
    {"NoNpyFile", [](const fs::path& t) { write(t / "k_03.npy", "PK\x03\x04 something else"); }, "k_03.npy", "magic"},
    {"NewVersion", [](const fs::path& t) { replace(t / "k_03.npy", "NUMPY\x01", "NUMPY\x09"); }, "k_03.npy", "version"},
    {"TruncatedLength", [](const fs::path& t) { truncate(t / "v_11.npy", 9); }, "v_11.npy", "header length"},
    {"TruncatedHeader", [](const fs::path& t) { truncate(t / "v_11.npy", 50); }, "v_11.npy", "header"},
    {"TruncatedData", [](const fs::path& t) { truncate(t / "v_11.npy", 5001); }, "v_11.npy", "data"},
    {"MoreData", [](const fs::path& t) { write(t / "q_11.npy", contents(t / "q_11.npy") + "xx"); }, "q_11.npy", "data"},
    {"OtherType", [](const fs::path& t) { replace(t / "k_03.npy", "<f2", "<f4"); }, "k_03.npy", "descr"},
    {"BigEndian", [](const fs::path& t) { replace(t / "k_03.npy", "<f2", ">f2"); }, "k_03.npy", "descr"},
    {"NoType", [](const fs::path& t) { replace(t / "k_03.npy", "descr", "decsr"); }, "k_03.npy", "descr"},
    {"ColumnsFirst", [](const fs::path& t) { replace(t / "k_03.npy", "False", "True "); }, "k_03.npy", "fortran_order"},
    {"OtherShape", [](const fs::path& t) { replace(t / "k_03.npy", "2, 2300, 40", "2, 40, 2300"); }, "k_03.npy",
     "shape"},
    {"BrokenShape", [](const fs::path& t) { replace(t / "k_03.npy", "2, 2300, 40)", "2, 2300, 40 "); }, "k_03.npy",
     "shape"},
    {"ShapeOfWords", [](const fs::path& t) { replace(t / "k_03.npy", "2, 2300", "2, many"); }, "k_03.npy", "shape"},
    {"PositionsInTwoAxes", [](const fs::path& t) { replace(t / "qpos.npy", "(21,)", "(7,3)"); }, "qpos.npy", "shape"},
    {"NoPositions", [](const fs::path& t) { replace(t / "qpos.npy", "(21,)", "( 0,)"); }, "qpos.npy", "shape"},
    {"PositionBeforeTheFirst", [](const fs::path& t) { overwrite_end(t / "qpos.npy", minus_one); }, "qpos.npy", "data"},
    {"PositionAfterTheLast",
     [](const fs::path& t) { overwrite_end(t / "qpos.npy", std::string("\xfc\x08\0\0\0\0\0\0", 8)); }, "qpos.npy",
     "data"},
    {"NotANumber", [](const fs::path& t) { overwrite_end(t / "v_03.npy", "\x01\x7e"); }, "v_03.npy", "data"},
    {"Infinity", [](const fs::path& t) { overwrite_end(t / "q_11.npy", std::string("\0\x7c", 2)); }, "q_11.npy",
     "data"},
};

class BadTrace : public testing::TestWithParam<Harm> {};

TEST_P(BadTrace, IsNamedAndRefused) {
  const Folder folder;
  const fs::path trace = folder.path() / "made";
  make_trace(trace);
  GetParam().apply(trace);
  const fs::path json = folder.path() / "numbers.json";
  const std::string expected = std::string(GetParam().file) + ": " + GetParam().field + ": ";
  for (const Outcome& run : {run_demo(trace), run_frontier(trace, "--no-walks --json '" + json.string() + "'")}) {
    EXPECT_EQ(run.exit_code, 2) << run.text;
    EXPECT_NE(run.text.find(expected), std::string::npos) << "expected '" << expected << "' in: " << run.text;
    EXPECT_TRUE(parse(run.text).empty()) << run.text;
  }
  EXPECT_FALSE(fs::exists(json));
}

INSTANTIATE_TEST_SUITE_P(Harms, BadTrace, testing::ValuesIn(harms), [](const auto& info) { return info.param.name; });

TEST(DemoOptions, AWrongOptionIsRefused) {
  EXPECT_NE(run_demo("nowhere", "--repeat 0").exit_code, 0);
  EXPECT_NE(run_demo("nowhere", "--speed 11").exit_code, 0);
}

TEST(DemoOptions, AnUnknownBackendIsRefused) {
  const Outcome run = run_demo(RECORDED_TRACE, "", "CREST_BACKEND=abacus ");
  EXPECT_EQ(run.exit_code, 1) << run.text;
  EXPECT_NE(run.text.find("backend"), std::string::npos) << run.text;
}

TEST(DemoOptions, AFileThatCannotBeWrittenIsAnError) {
  const Folder folder;
  make_trace(folder.path() / "made");
  const Outcome run = run_demo(folder.path() / "made", "--html /nowhere/report.html");
  EXPECT_EQ(run.exit_code, 1) << run.text;
  EXPECT_NE(run.text.find("--html"), std::string::npos) << run.text;
}

}  // namespace
}  // namespace demo_test
