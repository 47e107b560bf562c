// Files of budgets: what is read from them, what is refused, and what the plugin makes of them.
#include "common/budgets.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "llama_cpp/options.hpp"

namespace {

namespace fs = std::filesystem;

/// A file of this process's own, removed at the end.
class File {
 public:
  explicit File(const std::string& text)
      : path_(fs::temp_directory_path() / ("crest_budgets_" + std::to_string(getpid()) + ".json")) {
    std::ofstream(path_) << text;
  }
  File(const File&) = delete;
  ~File() { fs::remove(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

const demo::Budgets three{{{6, 0.1, false}, {12, 0.25, false}, {24, 1, true}}};

TEST(Budgets, AreReadAsTheyWereWritten) {
  const demo::Budgets read = demo::read_budgets(File(three.json()).path());
  ASSERT_EQ(read.layers.size(), three.layers.size());
  for (std::size_t i = 0; i < read.layers.size(); ++i) {
    EXPECT_EQ(read.layers[i].layer, three.layers[i].layer);
    EXPECT_EQ(read.layers[i].budget, three.layers[i].budget);
    EXPECT_EQ(read.layers[i].exact, three.layers[i].exact);
  }
}

TEST(Budgets, TuneGuided) {
  const crest::Guided recipe = crest::guided.with({.budget = 0.4f, .seed = 7});
  const auto tuned = three.tuned(12, recipe);
  ASSERT_TRUE(tuned);
  EXPECT_EQ(tuned->options.budget, 0.25f);
  EXPECT_EQ(tuned->options.seed, 7u);
  EXPECT_FALSE(three.tuned(24, recipe));
  ASSERT_TRUE(three.tuned(7, recipe));
  EXPECT_EQ(three.tuned(7, recipe)->options.budget, 0.4f);
}

std::string complaint(const std::string& text) {
  try {
    demo::read_budgets(File(text).path());
  } catch (const std::invalid_argument& bad) {
    return bad.what();
  }
  return "none";
}

std::string with_layers(const std::string& layers) {
  return R"({"format": "crest-budgets-1", "layers": )" + layers + "}";
}

TEST(Budgets, NoneAtAllIsFine) { EXPECT_EQ(complaint(with_layers("[]")), "none"); }

TEST(Budgets, AreRefusedByField) {
  const std::pair<std::string, const char*> wrong[] = {
      {"", "file"},
      {"[1]", "file"},
      {with_layers("[]").substr(0, 20), "file"},
      {R"({"layers": []})", "format"},
      {R"({"format": "crest-budgets-2", "layers": []})", "format"},
      {R"({"format": "crest-budgets-1"})", "layers"},
      {with_layers("{}"), "layers"},
      {with_layers("[6]"), "layer"},
      {with_layers(R"([{"budget": 0.1, "exact": false}])"), "layer"},
      {with_layers(R"([{"layer": -1, "budget": 0.1, "exact": false}])"), "layer"},
      {with_layers(R"([{"layer": 1.5, "budget": 0.1, "exact": false}])"), "layer"},
      {with_layers(R"([{"layer": 1, "budget": 0, "exact": false}])"), "budget"},
      {with_layers(R"([{"layer": 1, "budget": 1.01, "exact": false}])"), "budget"},
      {with_layers(R"([{"layer": 1, "budget": "all", "exact": false}])"), "budget"},
      {with_layers(R"([{"layer": 1, "exact": false}])"), "budget"},
      {with_layers(R"([{"layer": 1, "budget": 0.1}])"), "exact"},
      {with_layers(R"([{"layer": 1, "budget": 0.1, "exact": 0}])"), "exact"},
      {with_layers(R"([{"layer": 1, "budget": 0.1, "exact": false}, {"layer": 1, "budget": 0.2, "exact": true}])"),
       "layer"}};
  for (const auto& [text, field] : wrong)
    EXPECT_NE(complaint(text).find(".json: " + std::string(field) + ": "), std::string::npos)
        << text << " gives " << complaint(text);
}

TEST(PluginBudgets, ComeFromTheEnvironmentOrAWord) {
  const File file(three.json());
  for (const plugin::Options& o : {plugin::parse_options("guided budget=0.3", file.path().c_str()),
                                   plugin::parse_options("guided budget=0.3 budgets=" + file.path().string())}) {
    ASSERT_TRUE(o.guided_on(6));
    EXPECT_EQ(o.guided_on(6)->options.budget, 0.1f);
    EXPECT_EQ(o.guided_on(7)->options.budget, 0.3f);
    EXPECT_FALSE(o.guided_on(24));
  }
}

TEST(PluginBudgets, ExactLayersStayExact) {
  const File file(three.json());
  const plugin::Options o = plugin::parse_options("guided exact_layers=6", file.path().c_str());
  EXPECT_FALSE(o.guided_on(6));
  EXPECT_TRUE(o.guided_on(12));
}

TEST(PluginBudgets, AFileThatCannotBeUsedIsAnError) {
  const auto complaint = [](const std::string& words, const char* budgets) -> std::string {
    try {
      plugin::parse_options(words, budgets);
    } catch (const std::invalid_argument& bad) {
      return bad.what();
    }
    return "none";
  };
  EXPECT_NE(complaint("guided", "/nowhere/b.json").find("b.json: file: "), std::string::npos);
  EXPECT_NE(complaint("guided budgets=/nowhere/c.json", nullptr).find("c.json: file: "), std::string::npos);
}

}  // namespace
