// The attention node, against a full scan in double and against ggml's own: what crest claims it computes, what it
// declines ggml computes.
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

const Sees before_150 = [](Index, Index, Index j) { return j < 150; };

/// Builds the node of a test; its tensors are in `a`.
using Build = std::function<ggml_tensor*(ggml_context*, const AttentionTensors& a)>;

const Build plain = [](ggml_context* c, const AttentionTensors& a) { return a.node(c); };

struct Ran {
  std::vector<float> result;
  bool by_crest;

  /// Largest distance from the oracle.
  double error(const AttentionTensors& a) const {
    double error = 0;
    for (Index stream = 0; stream < a.shape.streams; ++stream)
      error = worse(error, distance_from_oracle(a, result, stream));
    return error;
  }
};

Ran run(const AttentionTensors& a, const Build& build = plain, int threads = 1) {
  Session session(Plugin::loaded(), threads);
  Ran ran{};
  for (Index graphs = a.shape.queries == 1 ? 2 : 1; graphs > 0; --graphs) {  // the first of single tokens is ggml's
    const auto context = make_context();
    ggml_tensor* result = build(context.get(), a);
    session.run(context.get(), {result});
    ran = {values(result), session.given_to_crest(result)};
  }
  return ran;
}

/// As with the plugin switched off.
Ran run_by_ggml(const AttentionTensors& a, const Build& build = plain) {
  Plugin::loaded().configure("off");
  const Ran ran = run(a, build);
  EXPECT_FALSE(ran.by_crest);
  Plugin::loaded().configure("exact");
  return ran;
}

/// crest is exact; and ggml, which rounds queries and sums to the type of the cache, means the same.
void expect_exact_now(const AttentionTensors& a) {
  constexpr double rounded = 0.03;
  const Ran ran = run(a);
  ASSERT_TRUE(ran.by_crest);
  const double error = ran.error(a), of_ggml = run_by_ggml(a).error(a);
  EXPECT_TRUE(error <= exact_tolerance) << error;
  EXPECT_TRUE(of_ggml <= rounded) << of_ggml;
  EXPECT_EQ(Plugin::loaded().statistics()["left_to_ggml"], 0);
}

void expect_exact(const AttentionShape& shape) {
  for (const auto& [name, sees] : masks(shape)) {
    SCOPED_TRACE(name);
    expect_exact_now(AttentionTensors(shape, sees));
  }
}

/// A mask with values of its own for the keys that `sees` leaves.
void expect_exact(const AttentionShape& shape, const Bias& bias) {
  for (const auto& [name, sees] : masks(shape)) {
    SCOPED_TRACE(name);
    AttentionTensors a(shape, sees);
    a.set_bias([&, &sees = sees](Index stream, Index query, Index key) {
      return sees(stream, query, key) ? bias(stream, query, key) : -INFINITY;
    });
    expect_exact_now(a);
  }
}

/// ALiBi's mask in llama.cpp.
float minus_distance(Index, Index query, Index key) { return -std::abs(static_cast<float>(177 + query - key)); }

float waves(Index stream, Index query, Index key) {
  return 2 * std::sin(static_cast<float>(key + 3 * query + 5 * stream));
}

class Op : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(Plugin::loaded().configure("exact"), ""); }
};

TEST_F(Op, IsExactForEveryTypeAndWidth) {
  for (ggml_type type : {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16})
    for (Index dim : {64, 80, 96, 128, 256}) {
      SCOPED_TRACE(testing::Message() << ggml_type_name(type) << " " << dim);
      expect_exact({.type = type, .head_dim = dim, .value_dim = dim});
    }
}

TEST_F(Op, IsExactForQuantisedCaches) {
  for (ggml_type type : {GGML_TYPE_Q8_0, GGML_TYPE_Q4_0}) {
    SCOPED_TRACE(ggml_type_name(type));
    for (Index dim : {32, 64, 96, 128, 256}) expect_exact({.type = type, .head_dim = dim, .value_dim = dim});
    expect_exact({.type = type, .head_dim = 192, .value_dim = 128, .streams = 3});
    expect_exact({.type = type, .heads = 2, .kv_heads = 1, .queries = 70});
  }
}

TEST_F(Op, IsExactForOtherValueWidths) {
  expect_exact({.head_dim = 192, .value_dim = 128});
  expect_exact({.head_dim = 64, .value_dim = 96, .heads = 9, .kv_heads = 3});
}

TEST_F(Op, IsExactForSeveralStreams) { expect_exact({.streams = 3}); }

TEST_F(Op, IsExactForPrompts) { expect_exact({.heads = 2, .kv_heads = 1, .queries = 70}); }

/// On request prompts are approximate; a few tokens are exact anyway.
TEST_F(Op, IsSparseForPromptsOnRequest) {
  ASSERT_EQ(Plugin::loaded().configure("exact prompt_budget=0.3"), "");
  const AttentionTensors whole({.heads = 2, .kv_heads = 1, .keys = 1500, .queries = 70},
                               [](Index, Index, Index) { return true; });
  const AttentionTensors few({.heads = 2, .kv_heads = 1, .keys = 1500, .queries = 20},
                             [](Index, Index, Index) { return true; });
  EXPECT_LE(run(few).error(few), exact_tolerance);
  EXPECT_EQ(Plugin::loaded().statistics()["prompt"]["worst_error"], 0);
  const double error = run(whole).error(whole);
  EXPECT_GT(error, 10 * exact_tolerance);
  EXPECT_LT(error, 4 * Plugin::loaded().statistics()["prompt"]["worst_error"].get<double>()) << "worst row, and told";
  for (const char* words : {"exact prompt_budget=1", "exact prompt_target_error=0.0001"}) {
    ASSERT_EQ(Plugin::loaded().configure(words), "");
    EXPECT_LE(run(whole).error(whole), exact_tolerance) << words;
  }
}

TEST_F(Op, IsExactWithSoftcap) {
  for (float softcap : {1.5f, 50.0f, -2.0f}) expect_exact({.type = GGML_TYPE_F32, .softcap = softcap});
  expect_exact({.queries = 70, .softcap = 2});
  expect_exact({.type = GGML_TYPE_Q8_0, .softcap = 2});
}

TEST_F(Op, IsExactWithSinkLogits) {
  for (ggml_type type : {GGML_TYPE_F16, GGML_TYPE_Q8_0}) expect_exact({.type = type, .sinks = true});
  expect_exact({.heads = 9, .kv_heads = 3, .queries = 70, .streams = 2, .sinks = true});
}

TEST_F(Op, IsExactWithABiasInItsMask) {
  for (ggml_type type : {GGML_TYPE_F32, GGML_TYPE_Q4_0}) expect_exact({.type = type, .streams = 2}, waves);
  expect_exact({.queries = 70}, waves);
}

/// With 9 and 12 heads, those past 8 take slopes from between the others'.
TEST_F(Op, IsExactWithAlibi) {
  expect_exact({.alibi = 8});  // slopes times masks without distances
  for (Index heads : {1, 4, 9, 12}) {
    SCOPED_TRACE(heads);
    expect_exact({.type = GGML_TYPE_F32, .heads = heads, .kv_heads = heads % 3 ? 1 : 3, .alibi = 8}, minus_distance);
  }
  expect_exact({.heads = 12, .kv_heads = 12, .queries = 70, .alibi = 4}, minus_distance);
}

TEST_F(Op, IsExactWithAllAtOnce) {
  for (ggml_type type : {GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0})
    expect_exact({.type = type, .heads = 6, .streams = 2, .softcap = 3, .alibi = 6, .sinks = true}, waves);
}

/// Shapes of 9000 keys, one for each feature.
std::vector<AttentionShape> long_shapes(Index queries) {
  std::vector<AttentionShape> shapes(6, {.keys = 9000, .queries = queries});
  shapes[1].softcap = 2;
  shapes[2].sinks = true;
  shapes[3].alibi = 8;
  shapes[4].type = GGML_TYPE_Q8_0;
  shapes[5].type = GGML_TYPE_Q4_0;
  return shapes;
}

TEST_F(Op, IsBitwiseTheSameForAnyNumberOfThreads) {
  for (Index queries : {1, 40})
    for (const AttentionShape& shape : long_shapes(queries)) {
      AttentionTensors a(shape, [](Index, Index, Index) { return true; });
      if (shape.alibi > 0) a.set_bias(minus_distance);
      const Ran alone = run(a);
      ASSERT_TRUE(alone.by_crest);
      EXPECT_EQ(alone.result, run(a, plain, 2).result);
      EXPECT_EQ(alone.result, run(a, plain, 3).result);
    }
}

void expect_declined(const AttentionTensors& a, const Build& build = plain) {
  const Ran wanted = run_by_ggml(a, build), got = run(a, build);
  EXPECT_FALSE(got.by_crest);
  EXPECT_EQ(got.result, wanted.result);
}

TEST_F(Op, IsDeclinedForOtherQuantisedCaches) {
  for (ggml_type type : {GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1})
    expect_declined(AttentionTensors({.type = type}, before_150));
}

TEST_F(Op, IsDeclinedForKeysAndValuesOfDifferentTypes) {
  const AttentionTensors keys({.type = GGML_TYPE_Q8_0}, before_150), others({}, before_150);
  expect_declined(keys, [&](ggml_context* c, const AttentionTensors& a) {
    return ggml_flash_attn_ext(c, a.queries(c), a.keys(c), others.values_of_keys(c), a.mask, a.scale(), 0, 0);
  });
}

TEST_F(Op, IsDeclinedForAMaskOfEveryHead) {
  const AttentionTensors a({}, before_150);
  Memory memory;
  ggml_tensor* mask = memory.add(GGML_TYPE_F16, {a.shape.keys, a.shape.queries, a.shape.heads});
  memory.allocate();
  fill(mask, [](Index i) { return i % 3 ? 0 : -INFINITY; });
  expect_declined(a, [&](ggml_context* c, const AttentionTensors& t) { return t.node(c, mask); });
}

/// To crest 0 is another scale.
TEST_F(Op, IsDeclinedWithAScaleOfZero) {
  expect_declined(AttentionTensors({}, before_150), [](ggml_context* c, const AttentionTensors& a) {
    return ggml_flash_attn_ext(c, a.queries(c), a.keys(c), a.values_of_keys(c), a.mask, 0, 0, 0);
  });
}

TEST_F(Op, WithInfinityInItsMaskIsRunByGgml) {
  AttentionTensors a({}, before_150);
  static_cast<crest::f16*>(a.mask->data)[7] = crest::to_f16(INFINITY);
  const Ran wanted = run_by_ggml(a), got = run(a);
  EXPECT_TRUE(got.by_crest);  // asked before there is a mask to look at
  EXPECT_EQ(got.result, wanted.result);
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
