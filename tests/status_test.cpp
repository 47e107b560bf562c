// Every Status, reached by a Problem that breaks just that rule: the message names the field, the Report holds the two
// numbers, and nothing is written.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "support/backends.hpp"
#include "support/case.hpp"

namespace {

using crest::Index;
using crest::KeyRange;
using crest::Report;
using crest::Status;
using test::Case;

using Problem = crest::Problem<float>;

/// Four query heads on two KV heads, two queries, eight keys, head_dim 16, value_dim 12.
const test::Spec sound{.shape = {.heads = 4, .kv_heads = 2, .queries = 2, .keys = 8, .head_dim = 16, .value_dim = 12}};

/// One broken rule.
struct Broken {
  Status status;
  const char* field;
  Index expected, found;
  std::function<void(Problem&)> breaks;
};

template <class T, std::size_t R>
void resize(crest::TensorView<T, R>& t, std::size_t axis, Index extent) {
  std::array<Index, R> extents, strides;
  for (std::size_t r = 0; r < R; ++r) extents[r] = t.extent(r), strides[r] = t.stride(r);
  extents[axis] = extent;
  t = {t.data_handle(), extents, strides};
}

template <class T, std::size_t R>
void forget_data(crest::TensorView<T, R>& t) {
  std::array<Index, R> extents;
  for (std::size_t r = 0; r < R; ++r) extents[r] = t.extent(r);
  t = {nullptr, extents};
}

/// Gives the last axis a stride of 2.
template <class T, std::size_t R>
void spread(crest::TensorView<T, R>& t) {
  std::array<Index, R> extents, strides;
  for (std::size_t r = 0; r < R; ++r) extents[r] = t.extent(r), strides[r] = t.stride(r);
  strides[R - 1] = 2;
  t = {t.data_handle(), extents, strides};
}

void resize_heads(Problem& p, Index heads) {
  resize(p.q, 0, heads), resize(p.o, 0, heads), resize(p.lse, 0, heads), resize(p.error, 0, heads);
}
void resize_keys(Problem& p, Index keys) { resize(p.k, 1, keys), resize(p.v, 1, keys); }
void resize_kv_heads(Problem& p, Index kv_heads) { resize(p.k, 0, kv_heads), resize(p.v, 0, kv_heads); }
void resize_head_dim(Problem& p, Index dim) { resize(p.q, 2, dim), resize(p.k, 2, dim); }
void resize_value_dim(Problem& p, Index dim) { resize(p.v, 2, dim), resize(p.o, 2, dim); }

template <std::size_t N, std::size_t M>
void see(Problem& p, const std::array<KeyRange, N>& ranges, const std::array<Index, M>& range_of) {
  p.ranges = ranges, p.range_of = range_of;
}

constexpr Index most_keys = 2147483646, many_keys = 2147483647;
constexpr std::array<KeyRange, 2> two{KeyRange{0, 4}, {5, 8}}, beyond{KeyRange{0, 4}, {5, 9}},
    before{KeyRange{-1, 4}, {5, 8}};
constexpr std::array<KeyRange, 2> backwards{KeyRange{5, 3}, {5, 8}}, overlap{KeyRange{2, 6}, {5, 8}};
constexpr std::array<Index, 3> each_one{0, 1, 2}, both_first{0, 2, 2}, falling{0, 2, 1}, too_far{0, 1, 3},
    negative{-1, 1, 2};
constexpr std::array<Index, 2> short_list{0, 2};

const std::vector<Broken>& broken_views() {
  static const std::vector<Broken> list = {
      {Status::q_null, "q", 1, 0, [](Problem& p) { forget_data(p.q); }},
      {Status::k_null, "k", 1, 0, [](Problem& p) { forget_data(p.k); }},
      {Status::v_null, "v", 1, 0, [](Problem& p) { forget_data(p.v); }},
      {Status::o_null, "o", 1, 0, [](Problem& p) { forget_data(p.o); }},
      {Status::lse_null, "lse", 1, 0, [](Problem& p) { forget_data(p.lse); }},
      {Status::error_null, "error", 1, 0, [](Problem& p) { forget_data(p.error); }},
      {Status::q_extent_negative, "q", 0, -4, [](Problem& p) { resize(p.q, 0, -4); }},
      {Status::k_extent_negative, "k", 0, -8, [](Problem& p) { resize(p.k, 1, -8); }},
      {Status::v_extent_negative, "v", 0, -12, [](Problem& p) { resize(p.v, 2, -12); }},
      {Status::q_stride, "q", 1, 2, [](Problem& p) { spread(p.q); }},
      {Status::k_stride, "k", 1, 2, [](Problem& p) { spread(p.k); }},
      {Status::v_stride, "v", 1, 2, [](Problem& p) { spread(p.v); }},
      {Status::o_stride, "o", 1, 2, [](Problem& p) { spread(p.o); }},
      {Status::lse_stride, "lse", 1, 2, [](Problem& p) { spread(p.lse); }},
      {Status::error_stride, "error", 1, 2, [](Problem& p) { spread(p.error); }}};
  return list;
}

const std::vector<Broken>& broken_extents() {
  static const std::vector<Broken> list = {
      {Status::head_dim_zero, "q", 1, 0, [](Problem& p) { resize_head_dim(p, 0); }},
      {Status::value_dim_zero, "v", 1, 0, [](Problem& p) { resize_value_dim(p, 0); }},
      {Status::kv_heads_zero, "k", 1, 0, [](Problem& p) { resize_kv_heads(p, 0); }},
      {Status::heads_not_multiple_of_kv_heads, "q", 2, 3, [](Problem& p) { resize_heads(p, 3); }},
      {Status::k_head_dim, "k", 16, 15, [](Problem& p) { resize(p.k, 2, 15); }},
      {Status::v_kv_heads, "v", 2, 1, [](Problem& p) { resize(p.v, 0, 1); }},
      {Status::v_keys, "v", 8, 7, [](Problem& p) { resize(p.v, 1, 7); }},
      {Status::too_many_keys, "k", most_keys, many_keys, [](Problem& p) { resize_keys(p, many_keys); }},
      {Status::o_heads, "o", 4, 3, [](Problem& p) { resize(p.o, 0, 3); }},
      {Status::o_queries, "o", 2, 1, [](Problem& p) { resize(p.o, 1, 1); }},
      {Status::o_value_dim, "o", 12, 11, [](Problem& p) { resize(p.o, 2, 11); }},
      {Status::lse_heads, "lse", 4, 5, [](Problem& p) { resize(p.lse, 0, 5); }},
      {Status::lse_queries, "lse", 2, 1, [](Problem& p) { resize(p.lse, 1, 1); }},
      {Status::error_heads, "error", 4, 2, [](Problem& p) { resize(p.error, 0, 2); }},
      {Status::error_queries, "error", 2, 3, [](Problem& p) { resize(p.error, 1, 3); }}};
  return list;
}

const std::vector<Broken>& broken_visibility() {
  static const std::vector<Broken> list = {
      {Status::scale_not_finite, "scale", 0, 0, [](Problem& p) { p.scale = NAN; }},
      {Status::scale_not_finite, "scale", 0, 0, [](Problem& p) { p.scale = -INFINITY; }},
      {Status::mask_window_negative, "mask.window", 0, -3, [](Problem& p) { p.mask.window = -3; }},
      {Status::mask_sinks_negative, "mask.sinks", 0, -1, [](Problem& p) { p.mask.sinks = -1; }},
      {Status::range_of_size, "range_of", 3, 2, [](Problem& p) { see(p, two, short_list); }},
      {Status::range_of_size, "range_of", 3, 0, [](Problem& p) { p.ranges = two; }},
      {Status::range_of_order, "range_of", 2, 1, [](Problem& p) { see(p, two, falling); }},
      {Status::range_of_bounds, "range_of", 2, 3, [](Problem& p) { see(p, two, too_far); }},
      {Status::range_of_bounds, "range_of", 2, -1, [](Problem& p) { see(p, two, negative); }},
      {Status::ranges_bounds, "ranges", 8, 9, [](Problem& p) { see(p, beyond, each_one); }},
      {Status::ranges_bounds, "ranges", 4, -1, [](Problem& p) { see(p, before, each_one); }},
      {Status::ranges_bounds, "ranges", 3, 5, [](Problem& p) { see(p, backwards, each_one); }},
      {Status::ranges_order, "ranges", 6, 5, [](Problem& p) { see(p, overlap, both_first); }}};
  return list;
}

constexpr std::array<float, 4> four{};
constexpr std::array<float, 3> three{};
constexpr std::array<Index, 1> one_place{};
constexpr std::array<std::int32_t, 2> two_pages{0, 1};
constexpr std::array<float, 64> biases{};

/// A bias of all its elements, then of what `shape` says.
void add_bias(Problem& p, std::array<Index, 3> shape, Index last_stride = 1) {
  p.logits.bias = {biases.data(), shape, {shape[1] * shape[2], shape[2], last_stride}};
}

const std::vector<Broken>& broken_logits() {
  static const std::vector<Broken> list = {
      {Status::softcap_negative, "logits.softcap", 0, 0, [](Problem& p) { p.logits.softcap = -1; }},
      {Status::softcap_negative, "logits.softcap", 0, 0, [](Problem& p) { p.logits.softcap = NAN; }},
      {Status::slopes_size, "logits.slopes", 4, 3, [](Problem& p) { p.logits.slopes = three; }},
      {Status::places_size, "logits.places", 2, 1, [](Problem& p) { p.logits.places = one_place; }},
      {Status::sink_logits_size, "logits.sinks", 4, 3, [](Problem& p) { p.logits.sinks = three; }},
      {Status::bias_factors_size, "logits.bias_factors", 0, 4, [](Problem& p) { p.logits.bias_factors = four; }},
      {Status::bias_factors_size, "logits.bias_factors", 4, 3,
       [](Problem& p) {
         add_bias(p, {4, 2, 8}), p.logits.bias_factors = three;
       }},
      {Status::bias_heads, "logits.bias", 4, 2,
       [](Problem& p) {
         add_bias(p, {2, 2, 8});
       }},
      {Status::bias_queries, "logits.bias", 2, 1,
       [](Problem& p) {
         add_bias(p, {4, 1, 8});
       }},
      {Status::bias_keys, "logits.bias", 8, 7,
       [](Problem& p) {
         add_bias(p, {4, 2, 7});
       }},
      {Status::bias_stride, "logits.bias", 1, 2,
       [](Problem& p) {
         add_bias(p, {4, 2, 8}, 2);
       }},
      {Status::bias_null, "logits.bias", 1, 0, [](Problem& p) {
         p.logits.bias = {nullptr, {4, 2, 8}};
       }}};
  return list;
}

/// The cache of a sound problem as pages of 4 keys.
void page(Problem& p) {
  p.pages = {.pages = two_pages, .keys = 8, .pool = 2, .k_stride = 4, .v_stride = 4};
  resize(p.k, 1, 4), resize(p.v, 1, 4);
}

const std::vector<Broken>& broken_caches() {
  static const std::vector<Broken> list = {
      {Status::k_scales, "k_scales", 0, 2,
       [](Problem& p) {
         p.k_scales = {four.data(), {2, 2}};
       }},
      {Status::v_scales, "v_scales", 0, 2,
       [](Problem& p) {
         p.v_scales = {four.data(), {2, 2}};
       }},
      {Status::pages_size, "pages", 2, 1, [](Problem& p) { page(p), p.pages.pages = std::span(two_pages).first(1); }},
      {Status::pages_size, "pages", 1, -1, [](Problem& p) { page(p), p.pages.keys = -1; }},
      {Status::pages_size, "pages", 1, 0, [](Problem& p) { page(p), resize_keys(p, 0); }},
      {Status::pages_range, "pages", 0, 1, [](Problem& p) { page(p), p.pages.pool = 1; }},
      {Status::v_keys, "v", 4, 5, [](Problem& p) { page(p), resize(p.v, 1, 5); }}};
  return list;
}

std::vector<Broken> all_broken() {
  std::vector<Broken> all = broken_views();
  all.insert(all.end(), broken_extents().begin(), broken_extents().end());
  all.insert(all.end(), broken_visibility().begin(), broken_visibility().end());
  all.insert(all.end(), broken_logits().begin(), broken_logits().end());
  all.insert(all.end(), broken_caches().begin(), broken_caches().end());
  return all;
}

void expect_refused(const Report& report, const Broken& b) {
  SCOPED_TRACE(crest::to_string(b.status));
  EXPECT_EQ(report.status, b.status) << crest::to_string(report.status);
  EXPECT_FALSE(report.ok());
  EXPECT_EQ(report.expected, b.expected);
  EXPECT_EQ(report.found, b.found);
  EXPECT_EQ(report.rows, 0);
  EXPECT_EQ(std::string(crest::to_string(report.status)).rfind(b.field + std::string(":"), 0), 0u) << "names the field";
}

TEST(Status, TheSoundProblemIsAccepted) {
  Case<float> c(sound);
  EXPECT_TRUE(crest::attention(c.problem).ok());
  see(c.problem, two, each_one);
  EXPECT_TRUE(crest::attention(c.problem).ok());
  see(c.problem, overlap, each_one);  // of different queries: they may overlap
  EXPECT_TRUE(crest::attention(c.problem).ok());
}

TEST(Status, EachBrokenRuleIsNamedAndNothingIsWritten) {
  for (const Broken& b : all_broken()) {
    Case<float> c(sound);
    b.breaks(c.problem);
    expect_refused(crest::attention(c.problem), b);
    expect_refused(crest::attention(c.problem, crest::clustered), b);
    EXPECT_TRUE(c.untouched());
  }
}

TEST(Status, ABatchNamesTheFirstBadProblemAndWritesNothing) {
  for (const Broken& b : all_broken()) {
    std::vector<Case<float>> cases;
    std::vector<Problem> problems;
    for (int i = 0; i < 4; ++i) cases.emplace_back(sound);
    for (const auto& c : cases) problems.push_back(c.problem);
    b.breaks(problems[2]), b.breaks(problems[3]);
    const Report report = crest::attention(problems);
    expect_refused(report, b);
    EXPECT_EQ(report.problem, 2);
    for (const auto& c : cases) EXPECT_TRUE(c.untouched());
  }
}

/// Rules that are broken by tests of their own.
bool is_tested_elsewhere(const crest::StatusText& s) {
  const std::string text = s.text;
  return text.starts_with("sketch:") || text.starts_with("index:") || text.starts_with("logits.bias: `guided`") ||
         text.starts_with("recipe.") || text.starts_with("dynamics.") || text.starts_with("cascade:");
}

TEST(Status, EveryRuleIsCovered) {
  std::set<Status> met{Status::ok, Status::backend, Status::out_of_memory};  // the tests below
  for (const Broken& b : all_broken()) met.insert(b.status);
  for (const crest::StatusText& s : crest::status_texts)
    EXPECT_TRUE(met.contains(s.status) || is_tested_elsewhere(s)) << s.text;
}

TEST(Status, EveryStatusHasASentenceOfItsOwn) {
  std::set<std::string> sentences;
  for (int s = 0; s <= static_cast<int>(Status::out_of_memory); ++s)
    EXPECT_TRUE(sentences.insert(crest::to_string(static_cast<Status>(s))).second) << s;
  EXPECT_FALSE(sentences.contains("unknown status"));
  EXPECT_STREQ(crest::to_string(static_cast<Status>(9999)), "unknown status");
}

TEST(Status, HugeExtentsDoNotOverflow) {
  Case<float> c(sound);
  resize_keys(c.problem, std::numeric_limits<Index>::max());
  EXPECT_EQ(crest::attention(c.problem).status, Status::too_many_keys);
  EXPECT_TRUE(c.untouched());
}

template <class R>
void expect_refused(Status status, const R& recipe) {
  Case<float> c(sound);
  EXPECT_EQ(crest::attention(c.problem, recipe).status, status);
  EXPECT_EQ(crest::scratch_bytes(c.problem, recipe), 0u);
  EXPECT_TRUE(c.untouched());
}

TEST(Status, RecipeOptionsOutOfRange) {
  const auto clustered = [](Status status, auto change) {
    crest::Clustered recipe;
    change(recipe);
    expect_refused(status, recipe);
  };
  clustered(Status::recipe_sampler, [](auto& r) { r.sampler.step = 0; });
  clustered(Status::recipe_sampler, [](auto& r) { r.sampler.step = -1; });
  clustered(Status::recipe_refiner, [](auto& r) { r.refiner.reach = -1; });
  clustered(Status::recipe_refiner, [](auto& r) { r.refiner.reach = crest::Window::max_reach; });
  clustered(Status::recipe_refiner, [](auto& r) { r.refiner.peaks = 0; });
  clustered(Status::recipe_refiner, [](auto& r) { r.refiner.peaks = 17; });
  clustered(Status::recipe_softmax, [](auto& r) { r.softmax.nats = -0.5f; });
  clustered(Status::recipe_softmax, [](auto& r) { r.softmax.nats = 61; });
  clustered(Status::recipe_softmax, [](auto& r) { r.softmax.headroom = -1; });
  clustered(Status::recipe_softmax, [](auto& r) { r.softmax.headroom = NAN; });
  clustered(Status::recipe_selection, [](auto& r) { r.selection.drop = -1; });
  clustered(Status::recipe_selection, [](auto& r) { r.selection.drop = NAN; });
  clustered(Status::recipe_keep, [](auto& r) { r.options.keep_first = -1; });
  clustered(Status::recipe_keep, [](auto& r) { r.options.keep_last = -1; });
  clustered(Status::recipe_target_error, [](auto& r) { r.options.target_error = -0.1f; });
  clustered(Status::recipe_target_error, [](auto& r) { r.options.target_error = NAN; });
}

TEST(Status, LazyHeadroomOutOfRange) {
  crest::Exact recipe;
  for (float headroom : {-1.0f, 61.0f, NAN}) {
    recipe.softmax.headroom = headroom;
    expect_refused(Status::recipe_softmax, recipe);
  }
}

/// Planning ahead of a call that would be refused asks for nothing, and does not crash.
TEST(Status, ScratchOfRefusedCallsIsNothing) {
  for (const Broken& b : all_broken()) {
    Case<float> c(sound);
    b.breaks(c.problem);
    EXPECT_EQ(crest::scratch_bytes(c.problem), 0u) << crest::to_string(b.status);
    EXPECT_EQ(crest::scratch_bytes(c.problem, crest::clustered), 0u) << crest::to_string(b.status);
  }
  EXPECT_EQ(crest::scratch_bytes(Case<float>(sound).problem, crest::guided), 0u);  // it has no sketch
}

/// The largest options that are allowed must work, whatever they add up to.
TEST(Status, LargeOptionsAreAccepted) {
  constexpr Index large = std::numeric_limits<Index>::max();
  Case<float> c({.shape = {.keys = 300}});
  const crest::Recipe recipe{
      crest::Stride{large}, crest::Window{.reach = crest::Window::max_reach - 1, .peaks = crest::Window::max_peaks},
      crest::Margin{60, 60}, crest::Plateau{1e30f}, crest::RecipeOptions{.keep_first = large, .keep_last = large}};
  const Report report = crest::attention(c.problem, recipe);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.keys_used, report.keys_visible);
}

/// An executor with half of the memory it is asked for.
struct Starved : crest::Serial {
  std::span<std::byte> scratch(std::size_t bytes) { return crest::Serial::scratch(bytes / 2); }
};

TEST(Status, TooLittleScratchIsOutOfMemory) {
  Case<float> c(sound);
  Starved starved;
  const Report report = crest::attention(c.problem, crest::exact, starved);
  EXPECT_EQ(report.status, Status::out_of_memory);
  EXPECT_EQ(report.expected, static_cast<Index>(crest::scratch_bytes(c.problem)));
  EXPECT_EQ(report.found, report.expected / 2);
  EXPECT_EQ(crest::attention(c.problem, crest::clustered, starved).status, Status::out_of_memory);
  EXPECT_TRUE(c.untouched());
}

TEST(Status, UnknownBackend) {
  Case<float> c(sound);
  const crest::Backend backend = crest::Backend::named("pdp11");
  EXPECT_FALSE(backend.available());
  EXPECT_EQ(crest::attention(c.problem, crest::exact, crest::this_thread_serial(), backend).status, Status::backend);
  EXPECT_TRUE(c.untouched());
}

}  // namespace
