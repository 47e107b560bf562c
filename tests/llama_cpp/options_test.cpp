// The words of CREST_LLAMA.
#include "ggml_session.hpp"

namespace test {
namespace {

TEST(Options, AreTakenWhenTheyMeanSomething) {
  for (const char* words : {"", "exact", "off", "guided budget=0.1 target_error=0.05 bits=4 rows=0 exact_layers=0,1,29",
                            "  guided   seed=7 keep_first=8 keep_last=128 guided_queries=2 backend=scalar statistics=-",
                            "capture=traces capture_layers=3 capture_keys=2048", "exact prompt_budget=0.2",
                            "exact prompt_target_error=0.1"})
    EXPECT_EQ(Plugin::loaded().configure(words), "") << words;
}

TEST(Options, AreRefusedByNameWhenTheyDoNot) {
  const auto complaint = [](const char* words) { return Plugin::loaded().configure(words); };
  EXPECT_NE(complaint("guidet").find("guidet"), std::string::npos);
  EXPECT_NE(complaint("guided budget=a").find("budget=a"), std::string::npos);
  EXPECT_NE(complaint("guided budget=0").find("budget"), std::string::npos);
  EXPECT_NE(complaint("exact prompt_budget=2").find("budget"), std::string::npos);
  EXPECT_NE(complaint("exact prompt_target_error=-1").find("target_error"), std::string::npos);
  EXPECT_NE(complaint("guided bits=3").find("bits"), std::string::npos);
  EXPECT_NE(complaint("exact_layers=1,x").find("exact_layers"), std::string::npos);
  EXPECT_NE(complaint("backend=pdp11").find("pdp11"), std::string::npos);
  EXPECT_NE(complaint("guided budgets=nowhere.json").find("nowhere.json: file"), std::string::npos);
  EXPECT_NE(complaint("capture=x capture_keys=0").find("capture_keys"), std::string::npos);
}

}  // namespace
}  // namespace test
