// What 15_sparse_prompt prints on the trace that comes along, and what it refuses.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>

#include "common/oracle.hpp"
#include "crest/crest.hpp"
#include "run_demo.hpp"

namespace demo_test {
namespace {

namespace fs = std::filesystem;
using crest::Index;

Outcome run_prompt(const std::string& options) {
  return run_command("'" + std::string(SPARSE_PROMPT_PROGRAM) + "' --repeat 1 " + options);
}

/// A printed line of a method at a share.
struct Printed {
  double used = NAN, error = NAN, p95 = NAN, told = NAN, told_p99 = NAN;
};

double number(const std::string& cell) { return cell == "-" ? NAN : std::stod(cell) / (cell.ends_with('%') ? 100 : 1); }

using Lines = std::map<std::string, std::map<std::string, Printed>>;  // by share and method

Lines lines_of(const std::string& text) {
  Lines all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> c = cells_of(line);
    if (c.size() != 9 || c[0] == "share") continue;
    all[c[0]][c[1]] = {number(c[2]), number(c[3]), number(c[4]), number(c[5]), number(c[6])};
  }
  return all;
}

/// The program's run on the recorded trace.
struct Run {
  Folder folder;
  fs::path page = folder.path() / "page.html";
  Outcome outcome = run_prompt("--html '" + page.string() + "'");
  Lines lines = lines_of(outcome.text);
};

const Run& recorded() {
  static const Run run;
  return run;
}

const char* const shares[] = {"0.05", "0.10", "0.15", "0.20", "0.30"};
const char* const rivals[] = {"pooled blocks", "antidiagonal sums", "vertical and slash", "sinks and recent"};

void expect_closer(const std::map<std::string, Printed>& methods) {
  const double sparse = methods.at("crest sparse").error;
  for (const char* rival : rivals) EXPECT_LT(sparse, methods.at(rival).error) << rival;
}

TEST(SparsePrompt, IsCloserThanAllButTheOracles) {
  ASSERT_EQ(recorded().outcome.exit_code, 0) << recorded().outcome.text;
  for (const char* share : shares) {
    SCOPED_TRACE(share);
    ASSERT_EQ(recorded().lines.at(share).size(), 7u);
    expect_closer(recorded().lines.at(share));
  }
  EXPECT_LE(recorded().lines.at("0.15").at("crest sparse").error, 0.03);
}

TEST(SparsePrompt, KnowsItsError) {
  for (const char* share : shares) {
    const Printed& sparse = recorded().lines.at(share).at("crest sparse");
    EXPECT_GE(sparse.told, 0.5) << share;
    EXPECT_LE(sparse.told, 1.2) << share;
    EXPECT_LE(sparse.told_p99, 3) << share;
    for (const char* rival : rivals) EXPECT_TRUE(std::isnan(recorded().lines.at(share).at(rival).told)) << rival;
  }
}

/// Products of bf16 on real heads: within what the recipe promises, and known.
TEST(SparsePrompt, MixedKeepsItsPromise) {
  const Printed& mixed = recorded().lines.at("1").at("crest mixed");
  EXPECT_GT(mixed.error, 1e-4);
  EXPECT_LE(mixed.error, 0.005);
  EXPECT_GE(mixed.told, 0.3);
  EXPECT_LE(mixed.told, 1.2);
  EXPECT_LE(mixed.told_p99, 3);
}

TEST(SparsePrompt, AllUseEquallyManyKeys) {
  for (const char* share : shares)
    for (const auto& [name, method] : recorded().lines.at(share)) {
      EXPECT_NEAR(method.used, recorded().lines.at(share).at("crest sparse").used, 0.001) << share << ", " << name;
      EXPECT_NEAR(method.used, std::stod(share), 0.005) << name << ": keys of a tile that a row does not see";
    }
}

/// More keys, smaller errors; and who may take single keys is closer than who must take tiles.
TEST(SparsePrompt, MethodsAreInOrder) {
  for (std::size_t i = 0; i < std::size(shares); ++i) {
    const auto& methods = recorded().lines.at(shares[i]);
    EXPECT_LT(methods.at("best keys (oracle)").error, methods.at("best tiles (oracle)").error) << shares[i];
    EXPECT_LT(methods.at("best tiles (oracle)").error, methods.at("pooled blocks").error) << shares[i];
    for (const auto& [name, method] : methods) {
      EXPECT_LE(method.error, method.p95) << name;
      const double before = i == 0 ? INFINITY : recorded().lines.at(shares[i - 1]).at(name).error;
      EXPECT_LT(method.error, before) << name;
    }
  }
}

TEST(SparsePrompt, ThePageStandsAlone) {
  const std::string html = contents(recorded().page);
  EXPECT_NE(html.find("<svg"), std::string::npos);
  for (const char* bad : {"src=\"http", "href=\"http", "url(http", "NaN", "nan ", "inf "})
    EXPECT_EQ(html.find(bad), std::string::npos) << bad;
}

/// Sinks and recent keys at 0.15, once more by crest itself: two ranges of keys for each query.
struct Ranges {
  std::vector<crest::KeyRange> ranges{};
  std::vector<Index> range_of{0};

  explicit Ranges(const demo::Trace& t) {
    for (Index first = 0; first < t.queries(); first += 60) {
      const Index seen = t.positions[std::min(first + 60, t.queries()) - 1] + 1;
      const Index recent = seen - (std::lround(0.15f * static_cast<float>(seen)) - 4);
      for (Index i = first; i < std::min(first + 60, t.queries()); ++i) {
        ranges.push_back({0, 4}), ranges.push_back({recent, t.positions[i] + 1});
        range_of.push_back(static_cast<Index>(ranges.size()));
      }
    }
  }
};

std::vector<float> answers(const demo::Trace& t, const demo::Layer& layer, const Ranges* seen) {
  std::vector<float> o(static_cast<std::size_t>(t.heads * t.queries() * t.value_dim));
  crest::Problem<crest::f16> p{.q = {layer.q.data(), {t.heads, t.queries(), t.head_dim}},
                               .k = {layer.k.data(), {t.kv_heads, t.keys, t.head_dim}},
                               .v = {layer.v.data(), {t.kv_heads, t.keys, t.value_dim}},
                               .o = {o.data(), {t.heads, t.queries(), t.value_dim}},
                               .scale = t.scale,
                               .mask = {.causal = true}};
  if (seen != nullptr) p.mask = {}, p.ranges = seen->ranges, p.range_of = seen->range_of;
  EXPECT_TRUE(crest::attention(p).ok());
  return o;
}

TEST(SparsePrompt, AgreesWithCrestOnRanges) {
  const demo::Trace t = demo::read_prompt(RECORDED_TRACE, {32, 256});
  const Ranges ranges(t);
  double sum = 0;
  for (const demo::Layer& layer : t.layers) {
    const std::vector<float> exact = answers(t, layer, nullptr), some = answers(t, layer, &ranges);
    for (std::size_t row = 0; row < exact.size(); row += 64) {
      const std::vector<double> wanted(exact.begin() + row, exact.begin() + row + 64);
      sum += demo::row_error(wanted, some.data() + row) / static_cast<double>(exact.size() / 64 * t.layers.size());
    }
  }
  EXPECT_NEAR(recorded().lines.at("0.15").at("sinks and recent").error, sum, 0.001);
}

TEST(SparsePrompt, MakesUpPrompts) {
  const Outcome made = run_prompt("--synthetic 8192 --queries 64");
  ASSERT_EQ(made.exit_code, 0) << made.text;
  expect_closer(lines_of(made.text).at("0.15"));
}

/// Exit codes above 100 are those of CLI11.
struct Refusal {
  const char* name;
  std::function<std::string(const fs::path&)> options;  ///< with an empty folder to write to
  int exit_code;
  const char* words;

  friend void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }
};

std::string with_trace(const fs::path& folder) { return "--trace '" + folder.string() + "'"; }

/// The recorded trace, whose prompt stands elsewhere.
std::string with_positions(const fs::path& folder, Index first, Index step) {
  fs::copy(RECORDED_TRACE, folder);
  std::string file = contents(folder / "prompt_qpos.npy");
  for (Index i = 0; i < 128; ++i) {
    const std::int64_t at = first + i * step;
    std::memcpy(file.data() + file.size() - (128 - i) * sizeof at, &at, sizeof at);
  }
  std::ofstream(folder / "prompt_qpos.npy", std::ios::binary) << file;
  return with_trace(folder);
}

std::string without_queries(const fs::path& folder) {
  fs::copy(RECORDED_TRACE, folder);
  fs::remove(folder / "prompt_q_12.npy");
  return with_trace(folder);
}

std::string without_neighbours(const fs::path& folder) {
  make_trace(folder);
  return with_trace(folder);
}

const Refusal refusals[] = {
    {"NoTrace", with_trace, 2, "trace: is not a folder"},
    {"LonelyPositions", without_neighbours, 2,
     "qpos.npy: data: the last 1 of 21 positions follow one another, a prompt needs at least 32"},
    {"Gaps", [](const fs::path& f) { return with_positions(f, 4000, 2); }, 2,
     "prompt_qpos.npy: data: the last 1 of 128 positions follow one another, a prompt needs at least 32"},
    {"ShortPrompt", [](const fs::path& f) { return with_positions(f, 0, 1); }, 2,
     "qpos.npy: data: the prompt ends after 128 keys, at least 1024 are needed"},
    {"NoQueries", without_queries, 2, "prompt_q_12.npy: file: "},
    {"FewQueries", [](const fs::path&) { return std::string("--queries 31"); }, 105, "--queries"},
    {"FewKeys", [](const fs::path&) { return std::string("--synthetic 8191"); }, 105, "--synthetic"},
    {"TwoPrompts", [](const fs::path& f) { return with_trace(f) + " --synthetic 8192"; }, 108, "excludes"},
    {"NoPage",
     [](const fs::path& f) { return "--synthetic 8192 --queries 32 --html '" + f.string() + "/none/p.html'"; }, 1,
     "cannot write "}};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, SaysWhy) {
  const Folder folder;
  const Outcome run = run_prompt(GetParam().options(folder.path() / "trace"));
  EXPECT_EQ(run.exit_code, GetParam().exit_code);
  EXPECT_NE(run.text.find(GetParam().words), std::string::npos) << run.text;
}

INSTANTIATE_TEST_SUITE_P(SparsePrompt, Refused, testing::ValuesIn(refusals),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace demo_test
