// The attention node, against a full scan in double: what crest claims it computes, what it declines ggml computes.
#include "attention_graph.hpp"

namespace test {
namespace {

using Mask = std::pair<const char*, Sees>;

/// Masks of llama.cpp and beyond, for 3 queries at the end of 200 keys.
std::vector<Mask> masks(const AttentionShape& s) {
  const auto newest = [s](Index query) { return s.keys - 20 - s.queries + query; };  // 20 cells are not in use
  return {{"all", [](Index, Index, Index) { return true; }},
          {"causal", [=](Index, Index i, Index j) { return j <= newest(i); }},
          {"window", [=](Index, Index i, Index j) { return j <= newest(i) && j > newest(i) - 60; }},
          {"two sequences in turn", [=](Index, Index i, Index j) { return j <= newest(i) && j / 7 % 2 == i % 2; }},
          {"every other key", [](Index, Index, Index j) { return j % 2 == 0; }},
          {"an empty row", [](Index, Index i, Index j) { return i != 1 && j < 50; }},
          {"streams of different length", [](Index stream, Index, Index j) { return j < 50 + 70 * stream; }}};
}

template <class T>
void expect_exact(const AttentionShape& shape) {
  for (const auto& [name, sees] : masks(shape)) {
    SCOPED_TRACE(name);
    const AttentionTensors a(shape, sees);
    Session session(Plugin::loaded());
    const auto context = make_context();
    ggml_tensor* result = a.node(context.get());
    session.run(context.get(), {result});
    ASSERT_TRUE(session.given_to_crest(result));
    for (Index stream = 0; stream < shape.streams; ++stream) {
      const double error = distance_from_oracle<T>(a, sees, result, stream);
      EXPECT_TRUE(error <= exact_tolerance) << error;
    }
  }
}

class Op : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(Plugin::loaded().configure("exact"), ""); }
};

TEST_F(Op, IsExactForEveryTypeAndWidth) {
  for (Index dim : {64, 80, 96, 128, 256}) {
    SCOPED_TRACE(dim);
    expect_exact<float>({.type = GGML_TYPE_F32, .head_dim = dim, .value_dim = dim});
    expect_exact<crest::f16>({.type = GGML_TYPE_F16, .head_dim = dim, .value_dim = dim});
    expect_exact<crest::bf16>({.type = GGML_TYPE_BF16, .head_dim = dim, .value_dim = dim});
  }
}

TEST_F(Op, IsExactForOtherValueWidths) {
  expect_exact<crest::f16>({.head_dim = 192, .value_dim = 128});
  expect_exact<crest::f16>({.head_dim = 64, .value_dim = 96, .heads = 9, .kv_heads = 3});
}

TEST_F(Op, IsExactForSeveralStreams) { expect_exact<crest::f16>({.streams = 3}); }

TEST_F(Op, IsExactForPrompts) { expect_exact<crest::f16>({.heads = 2, .kv_heads = 1, .queries = 70}); }

TEST_F(Op, IsBitwiseTheSameForAnyNumberOfThreads) {
  const Sees all = [](Index, Index, Index) { return true; };
  for (Index queries : {1, 40}) {
    const AttentionTensors a({.keys = 9000, .queries = queries}, all);
    std::vector<std::vector<float>> results;
    for (int threads : {1, 2, 3}) {
      Session session(Plugin::loaded(), threads);
      for (int i = 0; i < 2; ++i) {  // a context's first graph of single tokens is left to ggml
        const auto context = make_context();
        ggml_tensor* result = a.node(context.get());
        session.run(context.get(), {result});
        if (i == 0) continue;
        ASSERT_TRUE(session.given_to_crest(result));
        results.push_back(values(result));
      }
    }
    EXPECT_EQ(results[0], results[1]);
    EXPECT_EQ(results[0], results[2]);
  }
}

/// Builds the node of a test; its tensors are in `a`.
using Build = std::function<ggml_tensor*(ggml_context*, const AttentionTensors& a)>;

const Sees before_150 = [](Index, Index, Index j) { return j < 150; };

/// The result, and whether crest was given the node.
std::pair<std::vector<float>, bool> run(const AttentionTensors& a, const Build& build) {
  Session session(Plugin::loaded());
  const auto context = make_context();
  ggml_tensor* result = build(context.get(), a);
  session.run(context.get(), {result});
  return {values(result), session.given_to_crest(result)};
}

/// As with the plugin switched off.
std::vector<float> run_by_ggml(const AttentionTensors& a, const Build& build) {
  Plugin::loaded().configure("off");
  const auto [result, given] = run(a, build);
  EXPECT_FALSE(given);
  Plugin::loaded().configure("exact");
  return result;
}

void expect_declined(const AttentionTensors& a, const Build& build) {
  const std::vector<float> wanted = run_by_ggml(a, build);
  const auto [result, given] = run(a, build);
  EXPECT_FALSE(given);
  EXPECT_EQ(result, wanted);
}

TEST_F(Op, IsDeclinedWithSoftcap) {
  expect_declined(AttentionTensors({}, before_150),
                  [](ggml_context* c, const AttentionTensors& a) { return a.node(c, 0, 30); });
}

TEST_F(Op, IsDeclinedWithAlibi) {
  expect_declined(AttentionTensors({}, before_150),
                  [](ggml_context* c, const AttentionTensors& a) { return a.node(c, 8); });
}

TEST_F(Op, IsDeclinedWithSinkLogits) {
  AttentionTensors a({}, before_150);
  Memory memory;
  ggml_tensor* sinks = memory.add(GGML_TYPE_F32, {a.shape.heads});
  memory.allocate();
  fill_normal(sinks, 5);
  expect_declined(a, [&](ggml_context* c, const AttentionTensors& t) {
    ggml_tensor* node = t.node(c);
    ggml_flash_attn_ext_add_sinks(node, sinks);
    return node;
  });
}

TEST_F(Op, IsDeclinedForQuantisedCaches) {
  for (ggml_type type : {GGML_TYPE_Q8_0, GGML_TYPE_Q4_0}) {
    AttentionTensors a({.type = type}, before_150);
    const std::vector<float> ones(ggml_nelements(a.k), 0.25f);
    for (ggml_tensor* t : {a.k, a.v})
      ggml_quantize_chunk(type, ones.data(), t->data, 0, ggml_nrows(t), t->ne[0], nullptr);
    expect_declined(a, [](ggml_context* c, const AttentionTensors& t) { return t.node(c); });
  }
}

TEST_F(Op, WithABiasInItsMaskIsRunByGgml) {
  AttentionTensors a({}, before_150);
  static_cast<crest::f16*>(a.mask->data)[7] = crest::to_f16(-1.5f);
  const Build build = [](ggml_context* c, const AttentionTensors& t) { return t.node(c); };
  const std::vector<float> wanted = run_by_ggml(a, build);
  const auto [result, given] = run(a, build);
  EXPECT_TRUE(given);
  EXPECT_EQ(result, wanted);
  EXPECT_EQ(Plugin::loaded().statistics()["left_to_ggml"], 1);
}

TEST_F(Op, OfASingleTokenIsLeftToGgmlInAContextsFirstGraph) {
  const AttentionTensors a({.queries = 1}, before_150);
  Session session(Plugin::loaded());
  std::vector<bool> given;
  for (int i = 0; i < 2; ++i) {
    const auto context = make_context();
    ggml_tensor* result = a.node(context.get());
    session.run(context.get(), {result});
    given.push_back(session.given_to_crest(result));
  }
  EXPECT_EQ(given, (std::vector<bool>{false, true}));
}

}  // namespace
}  // namespace test
