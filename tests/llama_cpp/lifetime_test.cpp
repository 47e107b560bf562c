// Unloading the plugin and loading it again; contexts side by side.
#include <cstdlib>
#include <fstream>
#include <thread>

#include "attention_graph.hpp"

namespace test {
namespace {

constexpr AttentionShape shape{.heads = 4, .kv_heads = 2, .keys = 3000, .queries = 1};
const Sees all = [](Index, Index, Index) { return true; };

/// Decodes some tokens with a query of their own; the last result. The caches are watched afterwards.
std::vector<float> decode(const Plugin& plugin, const AttentionTensors& a, int threads = 1) {
  Session session(plugin, threads);
  std::vector<float> last;
  for (unsigned token = 0; token < 20; ++token) {
    const auto context = make_context();
    ggml_tensor* result = a.node(context.get());
    fill_normal(a.q, 100 + token);
    session.run(context.get(), {result});
    last = values(result);
  }
  return last;
}

bool mapped() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find("libggml-crest") != std::string::npos) return true;
  return false;
}

TEST(Lifetime, CanBeUnloadedAndLoadedAgain) {
  const AttentionTensors a(shape, all);
  std::vector<std::vector<float>> results;
  for (int i = 0; i < 3; ++i) {
    const Plugin plugin;
    ASSERT_EQ(plugin.configure("guided"), "");
    results.push_back(decode(plugin, a));
    EXPECT_GT(plugin.statistics()["decode"]["guided_nodes"], 0);
    ggml_backend_unload(plugin.registry());
    EXPECT_FALSE(mapped());
    const float zero[64] = {};
    ggml_backend_tensor_set(a.q, zero, 0, sizeof zero);  // the buffer works without the plugin that watched it
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(Lifetime, AnotherVersionOfGgmlIsRefused) { EXPECT_EQ(ggml_backend_load(CREST_TEST_OTHER_PLUGIN), nullptr); }

TEST(Lifetime, WordsThatMeanNothingAreRefused) {
  setenv("CREST_LLAMA", "exakt", 1);
  EXPECT_EQ(ggml_backend_load(CREST_TEST_PLUGIN), nullptr);
  unsetenv("CREST_LLAMA");
}

TEST(Lifetime, ContextsWorkSideBySide) {
  const Plugin plugin;
  ASSERT_EQ(plugin.configure("guided"), "");
  const AttentionTensors caches[2]{AttentionTensors(shape, all), AttentionTensors(shape, all)};
  fill_normal(caches[1].k, 7);
  const std::vector<float> alone[2]{decode(plugin, caches[0]), decode(plugin, caches[1])};
  std::vector<float> together[2];
  {
    std::jthread other([&] { together[1] = decode(plugin, caches[1], 2); });
    together[0] = decode(plugin, caches[0], 2);
  }
  EXPECT_EQ(together[0], alone[0]);
  EXPECT_EQ(together[1], alone[1]);
  ggml_backend_unload(plugin.registry());
}

}  // namespace
}  // namespace test
