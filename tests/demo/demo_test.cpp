// The numbers the demo prints are those of the trace it was given: recomputed slowly.

#include <gtest/gtest.h>

#include <cmath>

#include "call_guided.hpp"
#include "crest/crest.hpp"
#include "recompute.hpp"
#include "recompute_contest.hpp"
#include "slow_layer.hpp"

namespace demo_test {
namespace {

/// The demo on a recorded trace and two generated ones, run once.
struct Runs {
  Folder folder;
  Outcome recorded, generated, longer;

  Runs() {
    make_trace(folder.path() / "made");
    make_trace(folder.path() / "longer", 4000);
    recorded = run_demo(RECORDED_TRACE);
    generated = run_demo(folder.path() / "made", "--html '" + (folder.path() / "report.html").string() + "'");
    longer = run_demo(folder.path() / "longer");
  }
};

const Runs& runs() {
  static const Runs all;
  return all;
}

Clustered strided(long stride) {
  const crest::Clustered c;
  return {stride, c.refiner.reach, c.refiner.peaks, c.options.keep_first, c.options.keep_last, c.selection.drop};
}

/// Equal up to the three digits that are printed and to a key or two on the edge of a plateau.
void expect_close(double printed, double recomputed, const std::string& what) {
  EXPECT_TRUE(std::abs(printed - recomputed) <= 0.006 * recomputed + 1e-4)
      << what << ": " << printed << ", recomputed " << recomputed;
}

void expect_recomputed(const std::filesystem::path& trace, const Outcome& run) {
  ASSERT_EQ(run.exit_code, 0) << run.text;
  const auto layers = parse(run.text);
  ASSERT_GE(layers.size(), 2u) << run.text;
  for (const auto& [layer, lines] : layers)
    for (long stride : {4, 8, 16}) {
      const std::string name = "clustered, stride " + std::to_string(stride),
                        where = "layer " + std::to_string(layer) + ", " + name;
      ASSERT_TRUE(lines.contains(name)) << run.text;
      const Line printed = lines.at(name), slow = recompute(trace, layer, strided(stride));
      expect_close(printed.keys_used, slow.keys_used, where + ", keys used");
      expect_close(printed.error_mean, slow.error_mean, where + ", error mean");
      expect_close(printed.error_p95, slow.error_p95, where + ", error p95");
      expect_close(printed.peak_found, slow.peak_found, where + ", peak found");
      expect_close(printed.missed, slow.missed, where + ", missed mass");
    }
}

TEST(Demo, RecordedTraceAgreesWithTheSlowWay) { expect_recomputed(RECORDED_TRACE, runs().recorded); }

TEST(Demo, GeneratedTraceAgreesWithTheSlowWay) { expect_recomputed(runs().folder.path() / "made", runs().generated); }

TEST(Demo, ExactRecipesAreExact) {
  for (const Outcome* run : {&runs().recorded, &runs().generated})
    for (const auto& [layer, lines] : parse(run->text))
      for (const char* name : {"textbook loop", "online rescaling", "exact"}) {
        ASSERT_TRUE(lines.contains(name)) << run->text;
        EXPECT_EQ(lines.at(name).keys_used, 1);
        EXPECT_EQ(lines.at(name).peak_found, 1);
        EXPECT_GT(lines.at(name).error_mean, 0) << "float and double never agree to the last bit";
        EXPECT_LT(lines.at(name).error_p95, 1e-4) << name;
      }
}

TEST(Demo, NumbersFollowTheTrace) {
  const auto recorded = parse(runs().recorded.text), generated = parse(runs().generated.text);
  ASSERT_FALSE(recorded.empty() || generated.empty());
  for (const auto& [layer, lines] : recorded)
    for (const auto& [other, made] : generated)
      for (const char* name : {"clustered, stride 4", "clustered, stride 8", "clustered, stride 16"}) {
        EXPECT_NE(lines.at(name).error_mean, made.at(name).error_mean) << name;
        EXPECT_NE(lines.at(name).keys_used, made.at(name).keys_used) << name;
      }
}

void expect_self_contained(const std::string& html) {
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_NE(html.find("clustered, stride 16"), std::string::npos);
  EXPECT_NE(html.find("guided 0.15"), std::string::npos);
  EXPECT_NE(html.find("q8_0 cache"), std::string::npos);
  EXPECT_NE(html.find("</html>"), std::string::npos);
  for (const char* foreign : {"http", "<script", "src=", "url(", "@import", "nan", "inf ", "e+30"})
    EXPECT_EQ(html.find(foreign), std::string::npos) << foreign;
}

TEST(Demo, ReportIsOneSelfContainedFile) {
  ASSERT_EQ(runs().generated.exit_code, 0) << runs().generated.text;
  expect_self_contained(contents(runs().folder.path() / "report.html"));
}

/// Below 1536 keys guided does everything exactly, with one key there is nothing to draw a line through.
TEST(Demo, ShortTraces) {
  for (int keys : {1, 2, 65, 300, 1537}) {
    const Folder folder;
    const std::filesystem::path trace = folder.path() / "short", report = folder.path() / "report.html";
    make_trace(trace, keys);
    const Outcome run = run_demo(trace, "--html '" + report.string() + "'");
    ASSERT_EQ(run.exit_code, 0) << keys << " keys: " << run.text;
    expect_self_contained(contents(report));
    for (const auto& [layer, lines] : parse(run.text)) {
      const Line guided = lines.at("guided 0.15");
      EXPECT_TRUE(keys > 1535 || guided.rows_exact == 1) << keys;
      EXPECT_TRUE(guided.rows_exact < 1 || guided.error_p95 < 1e-5) << keys << ": " << guided.error_p95;
    }
  }
}

TEST(Demo, NumbersDoNotDependOnTheRunOrTheThreads) {
  for (const char* options : {"", "--threads 2"}) {
    const Outcome again = run_demo(runs().folder.path() / "made", options);
    ASSERT_EQ(again.exit_code, 0) << again.text;
    EXPECT_EQ(timeless(again.text), timeless(runs().generated.text)) << options;
  }
}

const char* const guided_names[] = {"guided 0.10", "guided 0.15", "guided, f16 rows 0.10", "guided, f16 rows 0.15"};

/// Positions below 1536 keys, which are done exactly, and keys at these and at all positions.
struct Short {
  double share = 0, keys = 0, all_keys = 0;

  explicit Short(const std::filesystem::path& trace) {
    const std::vector<std::int64_t> at = positions(trace);
    for (std::int64_t p : at) {
      all_keys += static_cast<double>(p + 1);
      if (p + 1 >= 1536) continue;
      share += 1 / static_cast<double>(at.size());
      keys += static_cast<double>(p + 1);
    }
  }
};

/// The budget holds where no long row was done exactly. At a budget of 0.10 short positions draw more than it allows:
/// hardly any key of their tail would be drawn otherwise.
TEST(Demo, GuidedKeepsToItsBudget) {
  const Short few(RECORDED_TRACE);
  const double most = (0.15 * (few.all_keys - few.keys) + few.keys) / few.all_keys;
  int compared = 0;
  for (const auto& [layer, lines] : parse(runs().recorded.text))
    for (const char* name : {"guided 0.15", "guided, f16 rows 0.15"}) {
      ASSERT_TRUE(lines.contains(name)) << runs().recorded.text;
      const Line& line = lines.at(name);
      if (line.rows_exact > few.share + 1e-3) continue;
      EXPECT_LE(line.bytes_read, 1.01 * most) << "layer " << layer << ", " << name;
      EXPECT_GE(line.bytes_read, 0.95 * most) << "layer " << layer << ", " << name;
      ++compared;
    }
  EXPECT_GE(compared, 4) << runs().recorded.text;
}

/// Guided may have an equal number of bytes or fewer, and must come closer.
TEST(Demo, GuidedIsCloserThanClusteredAtEqualBytes) {
  for (const auto& [layer, lines] : parse(runs().recorded.text)) {
    int compared = 0;
    for (const auto& [name, clustered] : lines)
      for (const char* other : guided_names) {
        if (!name.starts_with("clustered") || lines.at(other).bytes_read > clustered.bytes_read) continue;
        EXPECT_LT(lines.at(other).error_mean, clustered.error_mean)
            << "layer " << layer << ": " << name << ", " << other;
        ++compared;
      }
    EXPECT_GT(compared, 0) << "layer " << layer;
  }
}

TEST(Demo, GuidedTellsItsErrors) {
  for (const auto& [layer, lines] : parse(runs().recorded.text)) {
    for (const char* name : guided_names) {
      const Line& line = lines.at(name);
      EXPECT_GT(line.true_by_told, 0.6) << "layer " << layer << ", " << name;
      EXPECT_LT(line.true_by_told, 1.25) << "layer " << layer << ", " << name;
      EXPECT_GT(line.error_told, 0.75 * line.error_mean) << "layer " << layer << ", " << name;
      EXPECT_LT(line.error_told, 1.6 * line.error_mean) << "layer " << layer << ", " << name;
    }
    ASSERT_TRUE(lines.contains("guided, error 0.02")) << runs().recorded.text;
    EXPECT_LE(lines.at("guided, error 0.02").error_p95, 0.03) << "layer " << layer;
  }
}

/// Whoever could be had in place of guided reads as many bytes, and is farther off.
TEST(Demo, GuidedIsCloserThanOthersAtEqualBytes) {
  const auto contests = parse_contests(runs().recorded.text);
  ASSERT_EQ(contests.size(), 3u) << runs().recorded.text;
  for (const auto& [layer, contest] : contests)
    for (std::size_t i = 0; i < contest.budgets.size(); ++i) {
      const Cell guided = contest.methods.at("guided")[i];
      int compared = 0;
      for (const char* name :
           {"top keys of the sketch", "blocks of 16 by bounds", "sinks and recent keys", "q4_0 cache", "q8_0 cache"}) {
        const Cell other = contest.methods.at(name)[i];
        if (std::isnan(other.mean)) continue;
        EXPECT_GT(other.mean, guided.mean) << "layer " << layer << ", " << name << ", " << contest.budgets[i];
        EXPECT_LE(other.bytes, 1.01 * guided.bytes) << "layer " << layer << ", " << name;
        EXPECT_GE(other.bytes, 0.97 * guided.bytes) << "layer " << layer << ", " << name;
        ++compared;
      }
      EXPECT_EQ(compared, i < 3 ? 3 : 4);
    }
}

void expect_same_contests(const std::filesystem::path& trace, const Outcome& run) {
  const auto contests = parse_contests(run.text);
  ASSERT_GE(contests.size(), 2u) << run.text;
  for (const auto& [layer, printed] : contests) {
    const Contest slow = recompute_contest(trace, layer);
    ASSERT_EQ(printed.methods.size(), slow.methods.size()) << run.text;
    for (const auto& [name, cells] : slow.methods) {
      ASSERT_TRUE(printed.methods.contains(name)) << name;
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const Cell &found = printed.methods.at(name)[i], &wanted = cells[i];
        const std::string where = "layer " + std::to_string(layer) + ", " + name + " " + std::to_string(i);
        EXPECT_EQ(std::isnan(found.mean), std::isnan(wanted.mean)) << where;
        if (std::isnan(wanted.mean)) continue;
        expect_close(found.bytes, wanted.bytes, where + ", bytes");
        expect_close(found.mean, wanted.mean, where + ", mean");
        expect_close(found.p95, wanted.p95, where + ", p95");
      }
    }
  }
}

TEST(Demo, ContestAgreesWithTheSlowWay) { expect_same_contests(runs().folder.path() / "made", runs().generated); }

TEST(Demo, ContestOfALongerTraceAgreesWithTheSlowWay) {
  expect_same_contests(runs().folder.path() / "longer", runs().longer);
}

void expect_same_line(const Line& printed, const Line& slow, const std::string& where) {
  expect_close(printed.keys_used, slow.keys_used, where + ", keys used");
  expect_close(printed.error_mean, slow.error_mean, where + ", error mean");
  expect_close(printed.error_p95, slow.error_p95, where + ", error p95");
  expect_close(printed.bytes_read, slow.bytes_read, where + ", bytes read");
  expect_close(printed.error_told, slow.error_told, where + ", error told");
  expect_close(printed.rows_exact, slow.rows_exact, where + ", rows exact");
  const bool none = std::isnan(printed.true_by_told) && std::isnan(slow.true_by_told);
  EXPECT_TRUE(none || std::abs(printed.true_by_told - slow.true_by_told) <= 0.006) << where << ", true by told";
}

struct GuidedRow {
  const char* name;
  crest::GuidedOptions options;
  bool byte_rows;
};
const GuidedRow guided_rows[] = {{"guided 0.10", {.budget = 0.10f}, true},
                                 {"guided 0.15", {.budget = 0.15f}, true},
                                 {"guided, f16 rows 0.10", {.budget = 0.10f}, false},
                                 {"guided, f16 rows 0.15", {.budget = 0.15f}, false},
                                 {"guided, error 0.02", {.target_error = 0.02f}, true}};

/// At 2300 keys some positions are too short for guided, and the others draw more than the budget allows; at 4000 keys
/// budgets hold.
TEST(Demo, GuidedAgreesWithTheSlowWay) {
  const std::pair<const char*, const Outcome*> both[] = {{"made", &runs().generated}, {"longer", &runs().longer}};
  for (const auto& [trace, run] : both)
    for (const auto& [layer, lines] : parse(run->text)) {
      const Solved s(runs().folder.path() / trace, layer);
      for (const GuidedRow& row : guided_rows) {
        ASSERT_TRUE(lines.contains(row.name)) << run->text;
        const Line slow = guided_steps(s, row.options, row.byte_rows).line(s.t);
        expect_same_line(lines.at(row.name), slow, trace + (", " + std::to_string(layer)) + ", " + row.name);
      }
    }
}

}  // namespace
}  // namespace demo_test
