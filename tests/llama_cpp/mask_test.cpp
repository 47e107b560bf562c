// A mask is read once a graph, however many layers have it, and never taken for what it was before.
#include "attention_graph.hpp"

namespace test {
namespace {

Sees window(Index first, Index last) {
  return [=](Index, Index, Index j) { return j >= first && j < last; };
}

class Masks : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(Plugin::loaded().configure("exact"), "");
    session = std::make_unique<Session>(Plugin::loaded());
  }

  /// A layer's attention, and a node of ggml's own behind it, so that the next layer is handed over by itself.
  void add_layer(const AttentionTensors& a, ggml_tensor* mask) {
    layers.push_back(a.node(context.get(), mask));
    ggml_set_output(layers.back());  // its memory is not used again
    nodes.push_back(layers.back());
    nodes.push_back(ggml_sqr(context.get(), layers.back()));
  }

  int masks_read() const { return Plugin::loaded().statistics()["masks_read"]; }

  static void expect_right(const AttentionTensors& a, ggml_tensor* layer) {
    const double error = distance_from_oracle(a, layer);
    EXPECT_TRUE(error <= exact_tolerance) << error;
  }

  std::unique_ptr<Session> session;
  Owned<ggml_context> context = make_context();
  std::vector<ggml_tensor*> layers, nodes;
};

TEST_F(Masks, AreReadOnceForAllLayers) {
  const AttentionTensors a({}, window(0, 150));
  for (int i = 0; i < 5; ++i) add_layer(a, a.mask);
  session->run(context.get(), nodes);
  EXPECT_EQ(masks_read(), 1);
  for (ggml_tensor* layer : layers) {
    ASSERT_TRUE(session->given_to_crest(layer));
    expect_right(a, layer);
  }
}

/// Gemma's layers: head_dim 256; every other one has a cache of its own that holds a window, in the order in which
/// cells were used again. Softcap as in Gemma 2.
TEST_F(Masks, OfWindowsAndOfTheWholeContextServeLayersInTurn) {
  const AttentionShape whole{.head_dim = 256, .value_dim = 256, .heads = 8, .kv_heads = 4, .keys = 900, .softcap = 50};
  AttentionShape part = whole;
  part.keys = 256;
  const AttentionTensors global(whole, [](Index, Index i, Index j) { return j <= 860 + i; });
  const AttentionTensors local(part, [](Index, Index i, Index j) { return j <= 40 + i || j > 130 + i; });
  for (int i = 0; i < 3; ++i) add_layer(local, local.mask), add_layer(global, global.mask);
  session->run(context.get(), nodes);
  EXPECT_EQ(masks_read(), 2);
  for (int i = 0; i < 6; ++i) expect_right(i % 2 ? global : local, layers[i]);
}

TEST_F(Masks, OfMoreKindsThanAreKeptAreReadAgain) {
  const AttentionTensors a({}, window(0, 150));
  Memory memory;
  std::vector<ggml_tensor*> masks;
  for (int i = 0; i < 7; ++i) ggml_set_input(masks.emplace_back(memory.add(GGML_TYPE_F16, {200, 3})));
  memory.allocate();
  for (ggml_tensor* mask : masks) std::memcpy(mask->data, a.mask->data, ggml_nbytes(mask));
  for (int i = 0; i < 2; ++i)
    for (ggml_tensor* mask : masks) add_layer(a, mask);
  session->run(context.get(), nodes);
  for (ggml_tensor* layer : layers) expect_right(a, layer);
}

TEST_F(Masks, ThatAreNoInputsAreReadForEveryLayer) {
  const AttentionTensors a({}, window(0, 150));
  ggml_tensor* computed = ggml_cont(context.get(), a.mask);
  for (int i = 0; i < 3; ++i) add_layer(a, computed);
  session->run(context.get(), nodes);
  EXPECT_EQ(masks_read(), 3);
  for (ggml_tensor* layer : layers) expect_right(a, layer);
}

TEST_F(Masks, AreReadAgainInTheNextGraph) {
  AttentionTensors a({}, window(0, 150));
  add_layer(a, a.mask);
  session->run(context.get(), nodes);
  for (Index end : {151, 90, 200}) {
    a.set_mask(window(10, end));
    session->run_as_llama_cpp();
    expect_right(a, layers[0]);
  }
  for (Index end : {77, 160}) {
    session->run_and_wait();
    a.set_mask(window(20, end));
    session->run_and_wait();
    expect_right(a, layers[0]);
  }
}

/// Of fewer keys or queries than the mask holds: another part of it, or another node's.
TEST_F(Masks, AreReadAgainForNodesOfOtherShapes) {
  const AttentionTensors large({.keys = 200, .queries = 3}, window(30, 150));
  const AttentionTensors small({.keys = 100, .queries = 2}, window(30, 100));
  add_layer(large, large.mask);
  add_layer(small, large.mask);
  session->run(context.get(), nodes);
  EXPECT_EQ(masks_read(), 2);
  expect_right(large, layers[0]);
  expect_right(small, layers[1]);
}

/// In the program's memory, and in the graph's.
TEST_F(Masks, AreReadAgainOnceANodeHasWrittenIntoThem) {
  for (bool own_memory : {true, false}) {
    AttentionTensors a({}, window(0, 150));
    const AttentionTensors later({}, window(60, 200));
    context = make_context(), layers = {}, nodes = {};
    ggml_tensor* mask = own_memory ? a.mask : ggml_new_tensor_2d(context.get(), GGML_TYPE_F16, 200, 3);
    ggml_set_input(mask);
    add_layer(a, mask);
    nodes.push_back(ggml_cpy(context.get(), later.mask, mask));
    add_layer(later, mask);
    Plugin::loaded().reset_statistics();
    session->run(context.get(), nodes, [&] { std::memmove(mask->data, a.mask->data, ggml_nbytes(a.mask)); });
    EXPECT_EQ(masks_read(), 2);
    a.set_mask(window(0, 150));
    expect_right(a, layers[0]);
    expect_right(later, layers[1]);
  }
}

}  // namespace
}  // namespace test
