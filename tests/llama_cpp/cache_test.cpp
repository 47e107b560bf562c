// Guided must know of every way in which a cache is rewritten. Each test decodes a token with guided, lets something
// happen to the cache, and decodes another: the answer must be that of the cache as it is now, by way of a sketch (no
// row is done exactly), and a sketch of what was there before would miss it by far.
#include <cstring>

#include "attention_graph.hpp"

namespace test {
namespace {

constexpr Index topics = 64;

/// Random keys about 64 topics, values that depend on the topic: attention to a topic is read off its keys.
struct Content {
  std::vector<float> k, v;

  Content(const AttentionShape& s, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> topic_k(topics * s.head_dim), topic_v(topics * s.value_dim);
    for (float& x : topic_k) x = normal(random);
    for (float& x : topic_v) x = 3 * normal(random);
    std::vector<Index> topic(s.keys);
    for (Index& t : topic) t = static_cast<Index>(random() % topics);
    const auto rows = [&](const std::vector<float>& of_topic, Index dim) {
      std::vector<float> all;
      for (Index t : topic)
        for (Index x = 0; x < s.kv_heads * dim; ++x) all.push_back(of_topic[t * dim + x % dim] + 0.3f * normal(random));
      return all;
    };
    k = rows(topic_k, s.head_dim);
    v = rows(topic_v, s.value_dim);
  }
};

/// A cache, a session with guided, and one query.
class Guided : public testing::Test {
 protected:
  static constexpr AttentionShape usual{.heads = 4, .kv_heads = 2, .keys = 4096, .queries = 1};
  static constexpr double good = 0.2, wrong = 0.5;

  void SetUp() override { use(usual, "guided budget=0.15"); }

  /// Begins anew with another cache.
  void use(const AttentionShape& other, const char* words) {
    shape = other;
    a = std::make_unique<AttentionTensors>(shape, all());
    ASSERT_EQ(Plugin::loaded().configure(words), "");
    session = std::make_unique<Session>(Plugin::loaded());
    put(Content(shape, 1));
    decode();  // the session's first graph is left to ggml
  }

  static Sees all() {
    return [](Index, Index, Index) { return true; };
  }
  Sees before(Index end) const {
    return [end](Index, Index, Index j) { return j < end; };
  }

  /// Fills the cache before anybody follows it, and points the query at the topic of key 5.
  void put(const Content& content) {
    fill(a->k, [&](Index i) { return content.k[i]; });
    fill(a->v, [&](Index i) { return content.v[i]; });
    aim();
  }
  void aim(float length = 1.2f) {
    const std::vector<float> keys = values(a->k);
    const float* key = keys.data() + 5 * a->k->ne[0];
    const Index dim = shape.head_dim, group = shape.heads / shape.kv_heads;
    fill(a->q, [&](Index i) { return length * key[i / dim / group * dim + i % dim]; });
  }

  /// Decodes once, after `writes`, which are nodes of the same graph.
  void decode(const std::function<std::vector<ggml_tensor*>(ggml_context*)>& writes = nullptr) {
    const auto context = make_context();
    std::vector<ggml_tensor*> nodes = writes ? writes(context.get()) : std::vector<ggml_tensor*>{};
    ggml_tensor* result = a->node(context.get());
    nodes.push_back(result);
    Plugin::loaded().reset_statistics();
    session->run(context.get(), nodes);
    error = distance_from_oracle(*a, result);
  }

  /// The last decode went through an up-to-date sketch.
  void expect_guided(const char* what) const {
    const nlohmann::json decoded = Plugin::loaded().statistics()["decode"];
    EXPECT_EQ(decoded["guided_nodes"], 1) << what;
    EXPECT_EQ(decoded["fallbacks"], 0) << what;
    EXPECT_LT(decoded["bytes_read"], decoded["bytes_dense"]) << what;
    EXPECT_TRUE(error <= good) << what << ": " << error;
  }

  /// SET_ROWS of both caches from f32 rows, as llama.cpp does for new tokens.
  std::vector<ggml_tensor*> set_rows(ggml_context* c, const std::vector<std::int64_t>& rows, const Content& from) {
    source = std::make_unique<Memory>();
    ggml_tensor *numbers = source->add(GGML_TYPE_I64, {static_cast<Index>(rows.size())}), *data[2];
    std::vector<ggml_tensor*> nodes;
    for (int i = 0; i < 2; ++i) data[i] = source->add(GGML_TYPE_F32, {a->k->ne[0], static_cast<Index>(rows.size())});
    source->allocate();
    std::memcpy(numbers->data, rows.data(), rows.size() * sizeof rows[0]);
    for (int i = 0; i < 2; ++i) {
      const std::vector<float>& all_rows = i ? from.v : from.k;
      fill(data[i], [&](Index x) { return all_rows[rows[x / a->k->ne[0]] * a->k->ne[0] + x % a->k->ne[0]]; });
      ggml_tensor* cache = i ? a->v : a->k;
      nodes.push_back(ggml_set_rows(c, ggml_reshape_2d(c, cache, cache->ne[0], cache->ne[1]), data[i], numbers));
    }
    return nodes;
  }

  /// Rows of f16 as a state holds them.
  std::vector<crest::f16> halves(const std::vector<float>& rows) const {
    std::vector<crest::f16> all;
    for (float x : rows) all.push_back(crest::to_f16(x));
    return all;
  }

  /// llama.cpp turns keys of quantised caches as floats, and copies them back.
  void shift_as_llama_cpp(const Content& to) {
    Memory memory;
    ggml_tensor* turned = memory.add(GGML_TYPE_F32, {a->k->ne[0], 700});
    memory.allocate();
    fill(turned, [&](Index i) { return to.k[i]; });
    run_alone(
        [&](ggml_context* c) { return ggml_cpy(c, turned, ggml_view_2d(c, a->k, a->k->ne[0], 700, a->k->nb[1], 0)); });
  }

  /// Runs nodes in a graph of their own.
  void run_alone(const std::function<ggml_tensor*(ggml_context*)>& build) {
    const auto context = make_context();
    session->run(context.get(), {build(context.get())});
  }

  AttentionShape shape;
  std::unique_ptr<AttentionTensors> a;
  std::unique_ptr<Session> session;
  std::unique_ptr<Memory> source;
  double error = 0;
};

std::vector<std::int64_t> range(Index first, Index last, Index step = 1) {
  std::vector<std::int64_t> rows;
  for (Index i = first; i < last; i += step) rows.push_back(i);
  return rows;
}

TEST_F(Guided, FollowsACacheThatGrows) {
  const Content more(shape, 1);
  for (Index end : {3000, 3001, 3002, 3064, 3065, 3500, 4096}) {
    a->set_mask(before(end));
    decode([&](ggml_context* c) { return set_rows(c, range(end - 1, end), more); });
    expect_guided("grown");
  }
  EXPECT_EQ(Plugin::loaded().statistics()["sketches"]["appended"], 4096);
}

/// Without a signal the answer is wrong, or noticed by chance: this is what the other tests would look like.
TEST_F(Guided, WouldBeWrongIfItWereNotTold) {
  decode();
  expect_guided("before");
  const Content other(shape, 2);
  put(other);  // straight into memory
  decode();
  const bool noticed = Plugin::loaded().statistics()["decode"]["fallbacks"] != 0;
  EXPECT_TRUE(noticed || error > wrong) << error;
}

TEST_F(Guided, NoticesCellsThatAreUsedAgain) {
  decode();
  const Content other(shape, 2);
  for (const auto& rows : {range(0, 256), range(1000, 1500), range(2000, 4000, 7), range(5, 6)}) {
    decode([&](ggml_context* c) { return set_rows(c, rows, other); });
    aim();
    decode();
    expect_guided("rows set again");
  }
}

/// Options are those of contexts made afterwards; this one goes on with guided.
TEST_F(Guided, NoticesWritesAfterOtherOptionsWereSet) {
  ASSERT_EQ(Plugin::loaded().configure("exact"), "");
  decode();
  const Content other(shape, 2);
  decode([&](ggml_context* c) { return set_rows(c, range(0, 900), other); });
  aim();
  decode();
  expect_guided("rows set again");
}

TEST_F(Guided, NoticesThatAllCellsAreUsedAgain) {
  decode();
  const Content other(shape, 2);
  decode([&](ggml_context* c) { return set_rows(c, range(0, shape.keys), other); });
  aim();
  decode();
  expect_guided("all rows set again");
  EXPECT_EQ(Plugin::loaded().statistics()["sketches"]["rebuilt"], 1);
}

TEST_F(Guided, NoticesAShiftOfPositions) {
  decode();
  Memory memory;
  ggml_tensor* shift = memory.add(GGML_TYPE_I32, {shape.keys});
  memory.allocate();
  for (Index i = 0; i < shape.keys; ++i) static_cast<std::int32_t*>(shift->data)[i] = -static_cast<int>(i % 50 + 3);
  run_alone([&](ggml_context* c) {
    const std::size_t head = ggml_row_size(a->k->type, shape.head_dim);
    ggml_tensor* rows = ggml_view_3d(c, a->k, shape.head_dim, shape.kv_heads, shape.keys, head, a->k->nb[1], 0);
    return ggml_rope_ext_inplace(c, rows, shift, nullptr, static_cast<int>(shape.head_dim), 0, 8192, 10000, 1, 0, 1, 32,
                                 1);
  });
  aim();
  decode();
  expect_guided("shifted");
}

TEST_F(Guided, NoticesCopiesOfRows) {
  decode();
  const Content other(shape, 2);
  Memory memory;
  ggml_tensor* moved[2] = {memory.add(GGML_TYPE_F16, {a->k->ne[0], 700}),
                           memory.add(GGML_TYPE_F16, {a->v->ne[0], 700})};
  memory.allocate();
  fill(moved[0], [&](Index i) { return other.k[i]; });
  fill(moved[1], [&](Index i) { return other.v[i]; });
  for (int i = 0; i < 2; ++i)
    run_alone([&](ggml_context* c) {
      ggml_tensor* cache = i ? a->v : a->k;
      return ggml_cpy(c, moved[i], ggml_view_2d(c, cache, cache->ne[0], 700, cache->nb[1], 0));
    });
  aim();
  decode();
  expect_guided("copied");
}

TEST_F(Guided, NoticesOperationsInPlaceOnValuesAlone) {
  aim(0.5f);  // most of the mass on rows that are read from the sketch
  decode();
  Memory memory;
  ggml_tensor* more = memory.add(GGML_TYPE_F16, {a->v->ne[0], a->v->ne[1], 1});
  memory.allocate();
  fill(more, [](Index) { return 40.0f; });
  run_alone([&](ggml_context* c) { return ggml_add_inplace(c, a->v, more); });
  decode();
  expect_guided("added in place");
}

TEST_F(Guided, NoticesThatAStateIsLoaded) {
  decode();
  const Content other(shape, 2);
  const std::vector<crest::f16> k = halves(other.k), v = halves(other.v);
  const std::size_t bytes = 2000 * a->k->nb[1];  // into rows 500..2499
  ggml_backend_tensor_set(a->k, k.data() + 500 * a->k->ne[0], 500 * a->k->nb[1], bytes);
  ggml_backend_tensor_set(a->v, v.data() + 500 * a->v->ne[0], 500 * a->v->nb[1], bytes);
  const auto* key = k.data() + 505 * a->k->ne[0];
  fill(a->q, [&](Index i) { return 1.2f * crest::to_float(key[i / 128 * 64 + i % 64]); });
  decode();
  expect_guided("state loaded");
}

TEST_F(Guided, NoticesACopyFromAnotherCache) {
  decode();
  AttentionTensors other(shape, all());
  const Content content(shape, 2);
  fill(other.k, [&](Index i) { return content.k[i]; });
  fill(other.v, [&](Index i) { return content.v[i]; });
  ggml_backend_tensor_copy(other.k, a->k);
  ggml_backend_tensor_copy(other.v, a->v);
  aim();
  decode();
  expect_guided("sequence copied");
}

TEST_F(Guided, NoticesThatTheCacheIsClearedAndFilledAgain) {
  decode();
  std::vector<std::uint8_t> mask(ggml_nbytes(a->mask)), q(ggml_nbytes(a->q));
  std::memcpy(mask.data(), a->mask->data, mask.size());
  ggml_backend_buffer_clear(a->memory.buffer(), 0);
  std::memcpy(a->mask->data, mask.data(), mask.size());
  const Content other(shape, 2);
  put(other);  // straight into memory, which all counts as written
  decode();
  expect_guided("cleared");
}

TEST_F(Guided, NoticesMemset) {
  decode();
  ggml_backend_tensor_memset(a->v, 0, 0, 1000 * a->v->nb[1]);
  ggml_backend_tensor_memset(a->k, 0, 0, 1000 * a->k->nb[1]);
  fill(a->q, [&](Index i) {
    return 1.2f * crest::to_float(static_cast<crest::f16*>(a->k->data)[2000 * 128 + i / 128 * 64 + i % 64]);
  });
  decode();
  expect_guided("memset");
}

TEST_F(Guided, ForgetsFreedMemory) {
  for (unsigned seed : {2u, 3u, 4u}) {  // the next cache tends to get the same memory
    decode();
    a.reset();
    EXPECT_EQ(Plugin::loaded().statistics()["sketches"]["bytes"], 0);
    a = std::make_unique<AttentionTensors>(shape, all());
    put(Content(shape, seed));
    decode();
    expect_guided("new memory");
  }
}

TEST_F(Guided, LeavesShortCachesAndChosenLayersExact) {
  ASSERT_EQ(Plugin::loaded().configure("guided exact_layers=0"), "");
  session = std::make_unique<Session>(Plugin::loaded());
  decode();
  decode();
  EXPECT_EQ(Plugin::loaded().statistics()["decode"]["guided_nodes"], 0);
  EXPECT_TRUE(error <= exact_tolerance) << error;
}

/// Their sketches are a larger part of what there is to read.
TEST_F(Guided, FollowsQuantisedCaches) {
  const Content other(usual, 2);
  for (const auto& [type, words] :
       {std::pair{GGML_TYPE_Q8_0, "guided budget=0.3"}, {GGML_TYPE_Q4_0, "guided budget=0.5"}}) {
    SCOPED_TRACE(ggml_type_name(type));
    AttentionShape quantised = usual;
    quantised.type = type;
    use(quantised, words);
    for (Index end : {3000, 3001, 4096}) {
      a->set_mask(before(end));
      decode([&](ggml_context* c) { return set_rows(c, range(end - 1, end), Content(shape, 1)); });
      expect_guided("grown");
    }
    decode([&](ggml_context* c) { return set_rows(c, range(0, 500), other); });
    aim();
    decode();
    expect_guided("rows set again");
    shift_as_llama_cpp(other);
    aim();
    decode();
    expect_guided("shifted");
  }
}

TEST_F(Guided, WorksWithSoftcapAndSinkLogits) {
  AttentionShape changed = usual;
  changed.softcap = 20, changed.sinks = true;
  use(changed, "guided budget=0.15");
  decode();
  expect_guided("softcap and sinks");
}

/// Gemma's shape: a window, which is too short to guide, and the whole context in the layers between.
TEST_F(Guided, WorksBesideLayersOfAWindow) {
  AttentionShape whole = usual, part = usual;
  whole.head_dim = whole.value_dim = part.head_dim = part.value_dim = 256;
  part.keys = 512;
  use(whole, "guided budget=0.15");
  AttentionTensors window(part, [](Index, Index, Index j) { return j < 100 || j > 140; });
  const auto context = make_context();
  ggml_tensor *local = window.node(context.get()), *global = a->node(context.get());
  Plugin::loaded().reset_statistics();
  session->run(context.get(), {local, global});
  EXPECT_TRUE(distance_from_oracle(window, local) <= exact_tolerance);
  EXPECT_TRUE(distance_from_oracle(*a, global) <= good);
  const nlohmann::json decoded = Plugin::loaded().statistics()["decode"];
  EXPECT_EQ(decoded["guided_nodes"], 2);
  EXPECT_EQ(decoded["fallbacks"], part.heads);  // all rows of the window, and no others
}

TEST_F(Guided, IsExactWhereTheMaskIsABias) {
  AttentionShape alibi = usual;
  alibi.alibi = 8;
  use(alibi, "guided budget=0.15");
  a->set_bias([&](Index, Index, Index j) { return static_cast<float>(j - shape.keys + 1); });
  decode();
  EXPECT_EQ(Plugin::loaded().statistics()["decode"]["nodes"], 1);
  EXPECT_EQ(Plugin::loaded().statistics()["decode"]["guided_nodes"], 0);
  EXPECT_TRUE(error <= exact_tolerance) << error;
}

/// Memory of the graph itself is no cache: nobody knows what is written there.
TEST_F(Guided, DoesNotFollowKeysThatAGraphComputes) {
  const auto context = make_context();
  ggml_tensor* k = ggml_cont(context.get(), a->cache_view(context.get(), a->k, shape.head_dim));
  ggml_tensor* q = ggml_permute(context.get(), a->q, 0, 2, 1, 3);
  ggml_tensor* v = a->cache_view(context.get(), a->v, shape.value_dim);
  ggml_tensor* result = ggml_flash_attn_ext(context.get(), q, k, v, a->mask, a->scale(), 0, 0);
  Plugin::loaded().reset_statistics();
  session->run(context.get(), {result});
  ASSERT_TRUE(session->given_to_crest(result));
  EXPECT_EQ(Plugin::loaded().statistics()["decode"]["guided_nodes"], 0);
  EXPECT_TRUE(distance_from_oracle(*a, result) <= exact_tolerance);
}

}  // namespace
}  // namespace test
