#include "attention_op.hpp"

#include "attend.hpp"
#include "buffer_watch.hpp"
#include "cache_node.hpp"
#include "clock.hpp"
#include "followers.hpp"
#include "statistics.hpp"

namespace plugin {
namespace {

/// The first keys of a view.
template <class T>
crest::TensorView<const T, 3> first_keys(const crest::TensorView<const T, 3>& all, Index keys) {
  return {all.data_handle(), {all.extent(0), keys, all.extent(2)}, {all.stride(0), all.stride(1), all.stride(2)}};
}

/// Rows of 8 bits beside a cache that has no more itself save nothing.
template <class T>
constexpr bool rows_pay = crest::is_float_element<T>;

}  // namespace

void AttentionOp::set_threads(int threads) {
  if (threads != team_->size()) team_ = std::make_unique<Team>(threads);
}

/// Gives the problems their sketches, and returns what guides this layer; none, and all as it was, when a problem has
/// no sketch or the layer stays exact.
template <class T>
std::optional<crest::Guided> AttentionOp::guide(const FlashNode& node, std::vector<crest::Problem<T>>& problems) const {
  if (options_.recipe != Recipe::guided || node.queries() > options_.guided_queries) return {};
  const ggml_tensor *k = cache_of(node.k()), *v = cache_of(node.v());
  const std::optional<crest::Guided> recipe = k && v ? options_.guided_on(layer_of(k)) : std::nullopt;
  if (!recipe) return {};
  watch(k->buffer);
  watch(v->buffer);
  std::vector<crest::Problem<T>> guided = problems;
  for (crest::Problem<T>& p : guided) {
    p.sketch = Followers::all().follow(CacheViews<T>{p.k, p.v, options_.rows && rows_pay<T>}, last_visible(p));
    if (!p.sketch) return {};
    p.k = first_keys(p.k, p.sketch->size());
    p.v = first_keys(p.v, p.sketch->size());
  }
  problems = std::move(guided);
  return recipe;
}

/// How the prompts of this layer are attended to; none where exactly.
const crest::SparseOptions* AttentionOp::prompts(const FlashNode& node) const {
  const ggml_tensor* k = cache_of(node.k());
  const bool exact = !options_.prompts || (k && options_.exact_layers.contains(layer_of(k)));
  return exact || node.queries() < crest::sparse_from ? nullptr : &*options_.prompts;
}

/// One problem a stream.
template <class T>
std::vector<crest::Problem<T>> AttentionOp::problems(const FlashNode& node, const VisibleKeys& visible) {
  std::vector<crest::Problem<T>> problems;
  slopes_ = node.slopes();
  for (Index stream = 0; stream < node.streams(); ++stream) {
    crest::Problem<T>& p = problems.emplace_back(node.problem<T>(stream));
    visible.restrict(p, stream);
    if (visible.biased()) p.logits.bias = node.bias(stream), p.logits.bias_factors = slopes_;
  }
  return problems;
}

template <class T>
bool AttentionOp::run_as(const FlashNode& node) {
  const double begin = seconds_now();
  const VisibleKeys* visible = masks_.of(node);
  if (!visible) return false;
  std::vector<crest::Problem<T>> problems = this->problems<T>(node, *visible);
  std::optional<crest::Guided> guided;
  if (!visible->biased()) guided = guide(node, problems);
  const Attend attend{*team_, options_.backend, guided ? &guided->options : nullptr, prompts(node)};
  const crest::Report report = attend.run(problems);
  if (!report.ok()) return false;
  Statistics::all().attended(report, guided.has_value(), node.queries(), seconds_now() - begin);
  capture_.see(node, *visible);
  return true;
}

bool AttentionOp::run(const ggml_tensor* op) {
  const FlashNode node{op};
  bool done = false;
  with_element(node.k()->type, [&]<class T>(std::type_identity<T>) { done = run_as<T>(node); });
  return done;
}

}  // namespace plugin
