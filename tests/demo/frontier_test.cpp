// The numbers of the laboratory are those of the trace it was given: recomputed slowly.

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "call_guided.hpp"
#include "crest/crest.hpp"
#include "recompute.hpp"
#include "slow_frontier.hpp"

namespace demo_test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string option(const char* name, const fs::path& file) {
  return std::string(name).append(" '").append(file.string()).append("' ");
}

/// Runs of the laboratory on generated traces.
struct Runs {
  Folder folder;
  json made, longer;
  Outcome run;

  Runs() {
    make_trace(folder.path() / "made");
    make_trace(folder.path() / "longer", 2500);
    run = run_frontier(folder.path() / "made", option("--json", at("made.json")) + option("--html", at("page.html")) +
                                                   option("--budgets", at("budgets.json")));
    made = json::parse(contents(at("made.json")), nullptr, false);
    run_frontier(folder.path() / "longer", "--no-walks " + option("--json", at("longer.json")));
    longer = json::parse(contents(at("longer.json")), nullptr, false);
  }
  fs::path at(const char* name) const { return folder.path() / name; }
};

const Runs& runs() {
  static const Runs all;
  return all;
}

/// A method of a layer; null when it is not there.
const json* method(const json& layer, const std::string& family, const std::string& setting) {
  for (const json& m : layer["methods"])
    if (m["family"] == family && m["setting"] == setting) return &m;
  return nullptr;
}

double share(const json& m) { return m["bytes_read"].get<double>() / m["bytes_dense"].get<double>(); }

/// Equal up to f32 against double, and to a key or two on the edge of a plateau.
void expect_close(const json& found, double wanted, const std::string& what) {
  const double x = found.is_number() ? found.get<double>() : std::nan("");
  EXPECT_TRUE(std::abs(x - wanted) <= 0.004 * std::abs(wanted) + 1e-6)
      << what << ": " << x << ", recomputed " << wanted;
}

struct SlowMethod {
  const char *family, *setting;
  Clustered recipe;
};

/// As contenders.cpp has them. Without samples, and with no drop that excludes anything, what is always kept remains.
const SlowMethod slow_methods[] = {
    {"clustered", "stride 4", {.stride = 4}},
    {"clustered", "stride 16", {}},
    {"clustered, drop 3", "stride 8", {.stride = 8, .drop = 3}},
    {"clustered, 16 windows", "stride 8", {.stride = 8, .peaks = 16}},
    {"clustered, reach 128", "stride 32", {.stride = 32, .reach = 128, .peaks = 2}},
    {"stride alone", "8", {.stride = 8, .peaks = 0}},
    {"sinks and recent keys", "256", {.stride = 1 << 20, .peaks = 0, .last = 256, .drop = 1e9}}};

void expect_same_looks(const json& numbers, const fs::path& trace) {
  for (const json& layer : numbers["layers"])
    for (const SlowMethod& slow : slow_methods) {
      const std::string where = layer["layer"].dump() + ", " + slow.family + " " + slow.setting;
      const json* found = method(layer, slow.family, slow.setting);
      ASSERT_TRUE(found) << where;
      const Line line = recompute(trace, layer["layer"], slow.recipe);
      expect_close((*found)["keys_used"], line.keys_used, where + ", keys used");
      expect_close((*found)["error_mean"], line.error_mean, where + ", mean error");
      expect_close((*found)["error_p95"], line.error_p95, where + ", p95");
      expect_close((*found)["mass_kept"], 1 - line.missed, where + ", mass kept");
      expect_close((*found)["peaks_found"], line.peak_found, where + ", peaks found");
    }
}

TEST(Frontier, MethodsThatLookAgreeWithTheSlowWay) {
  ASSERT_EQ(runs().run.exit_code, 0) << runs().run.text;
  expect_same_looks(runs().made, runs().at("made"));
  expect_same_looks(runs().longer, runs().at("longer"));
}

struct GuidedMethod {
  const char *family, *setting;
  crest::GuidedOptions options;
  bool rows;
};
const GuidedMethod guided_methods[] = {
    {"guided", "0.10", {.budget = 0.10f}, true},
    {"guided", "0.20", {.budget = 0.20f}, true},
    {"guided, f16 rows", "0.15", {.budget = 0.15f}, false},
    {"top keys of the sketch", "0.15", {.budget = 0.15f, .draw = crest::Draw::top}, true},
    {"guided, uniform draw", "0.30", {.budget = 0.30f, .draw = crest::Draw::uniform}, true},
    {"guided, strided probe", "0.20", {.budget = 0.20f, .draw = crest::Draw::probe}, true}};

/// True by predicted error in the median, of rows that were not done exactly and whose error is predicted.
double calibration_of(const Steps& slow) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < slow.told.size(); ++i)
    if (slow.told[i] > 0 && std::isfinite(slow.told[i])) ratios.push_back(slow.errors[i] / slow.told[i]);
  return ratios.empty() ? std::nan("") : quantile(ratios, 0.5);
}

void expect_same_guided(const json& found, const Steps& slow, const SlowLayer& t, const std::string& where) {
  const Line line = slow.line(t);
  expect_close(share(found), line.bytes_read, where + ", bytes");
  expect_close(found["error_mean"], line.error_mean, where + ", mean error");
  expect_close(found["error_p95"], line.error_p95, where + ", p95");
  EXPECT_EQ(found["predicted_mean"].is_null(), !std::isfinite(line.error_told)) << where;
  if (std::isfinite(line.error_told)) expect_close(found["predicted_mean"], line.error_told, where + ", predicted");
  const double calibration = calibration_of(slow);
  EXPECT_EQ(found["true_by_predicted_median"].is_null(), std::isnan(calibration)) << where;
  if (!std::isnan(calibration)) expect_close(found["true_by_predicted_median"], calibration, where + ", true / told");
}

TEST(Frontier, GuidedAgreesWithTheSlowWay) {
  int calibrated = 0;
  for (const json& layer : runs().longer["layers"]) {
    const Solved solved(runs().at("longer"), layer["layer"]);
    for (const GuidedMethod& m : guided_methods) {
      const json* found = method(layer, m.family, m.setting);
      ASSERT_TRUE(found) << m.family;
      expect_same_guided(*found, guided_steps(solved, m.options, m.rows), solved.t, std::string(m.family) + m.setting);
      calibrated += (*found)["true_by_predicted_median"].is_number();
    }
  }
  EXPECT_GE(calibrated, 6) << "hardly a method predicted anything";
}

void expect_same_table(const json& found, const std::array<std::array<double, 8>, 4>& wanted,
                       const std::string& where) {
  for (std::size_t r = 0; r < 4; ++r)
    for (std::size_t k = 0; k < 8; ++k)
      expect_close(found[r][k], wanted[r][k], where + " [" + std::to_string(r) + "][" + std::to_string(k) + "]");
}

TEST(Frontier, NeighboursAgreeWithTheSlowWay) {
  double seen = 0;
  for (const json& layer : runs().made["layers"]) {
    const auto rows = all_scores(SlowLayer(runs().at("made"), layer["layer"]));
    for (const char* size : {"weights", "raw_scores"})
      for (const char* keys : {"all_keys", "without_sinks"}) {
        const json& found = layer["neighbours"][size][keys];
        const SlowNeighbours slow = slow_neighbours(rows, size[0] == 'r', keys[0] == 'a' ? 0 : 4);
        EXPECT_EQ(found["rows"], slow.rows);
        expect_same_table(found["found"], slow.found, size + std::string(", ") + keys);
        expect_same_table(found["by_chance"], slow.by_chance, size + std::string(" by chance, ") + keys);
        seen += slow.found[0][7];
      }
  }
  EXPECT_GT(seen, 0.1) << "the trace has hardly a neighbour to be counted";
}

TEST(Frontier, SmoothnessAgreesWithTheSlowWay) {
  for (const json& layer : runs().made["layers"]) {
    const auto rows = all_scores(SlowLayer(runs().at("made"), layer["layer"]));
    const json& found = layer["smoothness"];
    const SlowSteps steps = slow_steps(rows);
    expect_close(found["step_median"], steps.median, "median step");
    expect_close(found["step_p95"], steps.p95, "p95 of steps");
    expect_close(found["step_largest"], steps.largest, "largest step");
    ASSERT_EQ(found["missed"].size(), 6u);
    for (const json& m : found["missed"]) {
      const SlowMiss slow = slow_miss(rows, m["stride"]);
      expect_close(m["mean"], slow.mean, "missed");
      expect_close(m["p99"], slow.p99, "missed, p99");
      expect_close(m["bound_mean"], slow.bound, "bound");
      EXPECT_LE(m["p99"], m["stride"].get<double>() * steps.largest);
    }
  }
}

/// The sums over layers of equal size are the mean of the layers.
TEST(Frontier, AllLayersAreTheLayersTogether) {
  const json& layers = runs().made["layers"];
  for (const json& all : runs().made["all"]["methods"]) {
    double error = 0, read = 0, dense = 0;
    for (const json& layer : layers) {
      const json* m = method(layer, all["family"], all["setting"]);
      ASSERT_TRUE(m);
      error += (*m)["error_mean"].get<double>() / static_cast<double>(layers.size());
      read += (*m)["bytes_read"].get<double>();
      dense += (*m)["bytes_dense"].get<double>();
    }
    expect_close(all["error_mean"], error, all["family"]);
    expect_close(share(all), read / dense, all["family"]);
  }
}

/// The tried budget that is close enough and reads least; exact where that saves nothing.
TEST(Frontier, BudgetsFollowTheErrors) {
  const json file = json::parse(contents(runs().at("budgets.json")), nullptr, false);
  const json& said = runs().made["suggestion"];
  EXPECT_EQ(file, said["budgets"]);
  ASSERT_EQ(file["layers"].size(), runs().made["layers"].size());
  for (std::size_t i = 0; i < file["layers"].size(); ++i) {
    const json &layer = runs().made["layers"][i], &budget = file["layers"][i];
    EXPECT_EQ(layer["layer"], budget["layer"]);
    double wanted = 1, least = 1;
    for (const char* setting : {"0.08", "0.10", "0.15", "0.20", "0.30"}) {
      const json& m = *method(layer, "guided", setting);
      if (m["error_mean"] > said["target"] || share(m) >= least) continue;
      wanted = std::stod(setting);
      least = share(m);
    }
    EXPECT_EQ(budget["budget"], wanted);
    EXPECT_EQ(budget["exact"], wanted == 1);
  }
}

TEST(Frontier, AStrictTargetLeavesLayersExact) {
  const Outcome run =
      run_frontier(runs().at("made"), "--no-walks --target 1e-6 " + option("--budgets", runs().at("strict.json")));
  ASSERT_EQ(run.exit_code, 0) << run.text;
  const json strict = json::parse(contents(runs().at("strict.json")));
  EXPECT_EQ(strict["layers"].size(), 2u);
  for (const json& layer : strict["layers"]) EXPECT_TRUE(layer["exact"]);
}

TEST(Frontier, SoftmaxPoliciesDifferInHowOftenTheyMove) {
  std::map<std::string, json> by_name;
  for (const json& runner : runs().made["softmax"]) by_name[runner["name"]] = runner;
  ASSERT_EQ(by_name.size(), 6u);
  EXPECT_EQ(by_name.at("all keys, Lazy")["rescales_per_row"], 0);
  EXPECT_GT(by_name.at("all keys, Rescaling")["rescales_per_row"], 1);
  for (const auto& [name, runner] : by_name) EXPECT_GT(runner["seconds"], 0) << name;
  for (const char* policy : {"Lazy", "Margin", "Rescaling"}) {
    EXPECT_LT(by_name.at(std::string("all keys, ") + policy)["error_mean"], 1e-5);
    expect_close(by_name.at(std::string("stride 16 + window, ") + policy)["error_mean"],
                 by_name.at("stride 16 + window, Margin")["error_mean"], policy);
  }
}

/// Where keys are smooth, clustered keeps its promise; where they are not, it does not.
TEST(Frontier, ClusteredIsGoodOnSlowWalks) {
  const json& walks = runs().made["walks"];
  std::size_t close = 0;
  for (const json& walk : walks) {
    const json& m = *method(walk, "clustered", "stride 16");
    close += share(m) <= 0.10 && m["error_mean"] <= 0.02;
  }
  EXPECT_GE(close, 4u);
  EXPECT_GT((*method(walks.back(), "clustered", "stride 16"))["error_mean"], 0.2);
  for (std::size_t i = 1; i < walks.size(); ++i)
    EXPECT_GT(walks[i]["smoothness"]["step_median"], walks[i - 1]["smoothness"]["step_median"]);
}

TEST(Frontier, NumbersFollowTheTrace) {
  for (const json& one : runs().made["layers"])
    for (const json& other : runs().longer["layers"])
      for (const json& m : one["methods"]) {
        if (m["family"] == "exact" || m["error_mean"] < 1e-5) continue;
        EXPECT_NE(m["error_mean"], (*method(other, m["family"], m["setting"]))["error_mean"]) << m;
      }
}

json timeless(json numbers) {
  for (json& runner : numbers["softmax"]) runner.erase("seconds");
  return numbers;
}

TEST(Frontier, NumbersDoNotDependOnTheThreads) {
  for (const char* threads : {"--threads 1 ", "--threads 3 "}) {
    const Outcome run = run_frontier(runs().at("longer"),
                                     std::string("--no-walks ") + threads + option("--json", runs().at("again.json")));
    ASSERT_EQ(run.exit_code, 0) << run.text;
    EXPECT_EQ(timeless(json::parse(contents(runs().at("again.json")))), timeless(runs().longer)) << threads;
  }
}

TEST(Frontier, FewerPositionsAreEvenlySpaced) {
  const Outcome run =
      run_frontier(runs().at("made"), "--no-walks --positions 7 " + option("--json", runs().at("few.json")));
  ASSERT_EQ(run.exit_code, 0) << run.text;
  const json few = json::parse(contents(runs().at("few.json")));
  const std::vector<std::int64_t> all = positions(runs().at("made"));
  std::vector<std::int64_t> wanted;
  for (std::size_t i = 2; i < all.size(); i += 3) wanted.push_back(all[i]);
  EXPECT_EQ(few["trace"]["positions"], json(wanted));
  EXPECT_NE(few["all"]["smoothness"], runs().made["all"]["smoothness"]);
}

void expect_self_contained(const std::string& html) {
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_NE(html.find("</html>"), std::string::npos);
  for (const char* foreign : {"http", "<script", "src=", "url(", "@import", "nan", "inf ", "-nan"})
    EXPECT_EQ(html.find(foreign), std::string::npos) << foreign;
}

TEST(Frontier, ThePageIsOneSelfContainedFile) {
  const std::string html = contents(runs().at("page.html"));
  expect_self_contained(html);
  for (const char* family : {"guided, f16 rows", "clustered", "sinks and recent keys", "Where keys are smooth"})
    EXPECT_NE(html.find(family), std::string::npos) << family;
}

TEST(Frontier, ShortTraces) {
  for (int keys : {1, 2, 5, 65, 1537}) {
    const Folder folder;
    make_trace(folder.path() / "short", keys);
    const fs::path page = folder.path() / "page.html", numbers = folder.path() / "numbers.json";
    const Outcome run =
        run_frontier(folder.path() / "short", "--no-walks " + option("--html", page) + option("--json", numbers));
    ASSERT_EQ(run.exit_code, 0) << keys << " keys: " << run.text;
    expect_self_contained(contents(page));
    EXPECT_FALSE(json::parse(contents(numbers), nullptr, false).is_discarded());
  }
}

TEST(FrontierOptions, WrongOnesAreRefused) {
  for (const char* options : {"--speed 11", "--positions 0", "--target 0", "--threads 0", "--threads some"})
    EXPECT_NE(run_frontier(runs().at("made"), options).exit_code, 0) << options;
}

TEST(FrontierOptions, AFileThatCannotBeWrittenIsAnError) {
  for (const char* name : {"--html", "--json", "--budgets"}) {
    const Outcome run = run_frontier(runs().at("made"), std::string("--no-walks ") + name + " /nowhere/file");
    EXPECT_EQ(run.exit_code, 1) << run.text;
    EXPECT_NE(run.text.find(std::string(name) + ": "), std::string::npos) << run.text;
  }
}

}  // namespace
}  // namespace demo_test
