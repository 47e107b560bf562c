// The numbers the demo prints are those of the trace it was given: recomputed slowly, on two traces.

#include <gtest/gtest.h>

#include <fstream>

#include "crest/crest.hpp"
#include "recompute.hpp"

namespace demo_test {
namespace {

/// The demo on both traces, run once.
struct Runs {
  Folder folder;
  Outcome recorded, generated;

  Runs() {
    make_trace(folder.path() / "made");
    recorded = run_demo(RECORDED_TRACE);
    generated = run_demo(folder.path() / "made", "--html '" + (folder.path() / "report.html").string() + "'");
  }
};

const Runs& runs() {
  static const Runs both;
  return both;
}

Clustered strided(long stride) {
  const crest::Clustered c;
  return {stride, c.refiner.reach, c.refiner.peaks, c.options.keep_first, c.options.keep_last, c.selection.drop};
}

/// Equal up to the three digits that are printed and to a key or two on the edge of a plateau.
void expect_close(double printed, double recomputed, const std::string& what) {
  EXPECT_LE(std::abs(printed - recomputed), 0.006 * recomputed + 1e-4)
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

TEST(Demo, ReportIsOneSelfContainedFile) {
  ASSERT_EQ(runs().generated.exit_code, 0) << runs().generated.text;
  std::ifstream in(runs().folder.path() / "report.html");
  const std::string html{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_NE(html.find("clustered, stride 16"), std::string::npos);
  EXPECT_NE(html.find("</html>"), std::string::npos);
  for (const char* foreign : {"http", "<script", "src=", "url(", "@import", "nan", "inf "})
    EXPECT_EQ(html.find(foreign), std::string::npos) << foreign;
}

TEST(Demo, ThreadsDoNotChangeTheNumbers) {
  const Outcome two = run_demo(runs().folder.path() / "made", "--threads 2");
  ASSERT_EQ(two.exit_code, 0) << two.text;
  const auto one = parse(runs().generated.text), other = parse(two.text);
  for (const auto& [layer, lines] : one)
    for (const auto& [name, line] : lines) {
      EXPECT_EQ(line.error_mean, other.at(layer).at(name).error_mean) << name;
      EXPECT_EQ(line.keys_used, other.at(layer).at(name).keys_used) << name;
    }
}

}  // namespace
}  // namespace demo_test
