#include "append.hpp"

#include <crest/executors.hpp>

#include "peaked.hpp"
#include "text.hpp"

namespace bench {

namespace {

constexpr Index block = crest::SketchView::block_keys;

template <class T>
class AppendBench {
 public:
  AppendBench(const Case& c, const Effort& effort) : case_(c), effort_(effort), pool_(c.threads) {
    pin_threads(pool_);
    prepare(sketch_, false);
    prepare(sketch_with_rows_, true);
  }

  std::vector<AppendCost> run() {
    Contestant k{[this] { return append_block(sketch_, false); }};
    Contestant k_and_v{[this] { return append_block(sketch_with_rows_, true); }};
    std::vector<Contestant> exact;
    for (crest::Backend b : effort_.backends)
      exact.push_back({[=, this] {
        return seconds_of([&] { check(crest::attention(problem_, crest::exact, pool_, b).status); });
      }});
    std::vector<Contestant*> order{&k, &k_and_v};
    for (Contestant& c : exact) order.push_back(&c);
    compete(order, effort_.seconds);
    std::vector<AppendCost> costs;
    for (std::size_t i = 0; i < exact.size(); ++i)
      costs.push_back({case_, effort_.backends[i].name(), exact[i].least() * 1e3, per_key_us(k), per_key_us(k_and_v)});
    return costs;
  }

 private:
  static double per_key_us(const Contestant& c) { return c.least() * 1e6 / block; }

  /// Keys `first` .. `first + count - 1` of the cache.
  using Rows = crest::TensorView<const T, 3>;
  Rows rows(const Rows& all, Index first, Index count) const {
    return {all.address(0, first, 0), {all.extent(0), count, all.extent(2)}, {all.stride(0), all.stride(1), 1}};
  }
  void append(crest::KeySketch& sketch, bool values, Index first, Index count) const {
    const Rows k = rows(problem_.k, first, count), v = rows(problem_.v, first, count);
    check(values ? sketch.append(k, v) : sketch.append(k));
  }

  void prepare(crest::KeySketch& sketch, bool values) const {
    append(sketch, values, 0, case_.shape.keys - block);
    check(sketch.reserve(case_.shape.keys));
  }

  /// Appends the last block of the cache key by key; returns the seconds.
  double append_block(crest::KeySketch& sketch, bool values) const {
    const Index first = case_.shape.keys - block;
    check(sketch.truncate(first));
    return seconds_of([&] {
      for (Index j = first; j < case_.shape.keys; ++j) append(sketch, values, j, 1);
    });
  }

  Case case_;
  const Effort& effort_;
  crest::Pool pool_;
  PeakedInputs<T> inputs_{case_.shape};
  std::vector<float> out_ = std::vector<float>(case_.shape.heads * case_.shape.head_dim);
  crest::Problem<T> problem_ = inputs_.problem(inputs_.q, out_);
  crest::KeySketch sketch_{case_.shape.kv_heads, case_.shape.head_dim};
  crest::KeySketch sketch_with_rows_{case_.shape.kv_heads, case_.shape.head_dim};
};

}  // namespace

std::vector<AppendCost> measure_append(const Case& c, const Effort& effort) {
  return with_type(c.dtype, [&](auto element) { return AppendBench<decltype(element)>(c, effort).run(); });
}

nlohmann::json to_json(const AppendCost& a) {
  return {{"append_case", a.at.shape.name()},
          {"dtype", name(a.at.dtype)},
          {"backend", a.backend},
          {"exact_ms", a.exact_ms},
          {"k_us", a.k_us},
          {"k_and_v_us", a.k_and_v_us},
          {"pct_k", 100 * a.share(a.k_us)},
          {"pct_k_and_v", 100 * a.share(a.k_and_v_us)}};
}

std::string append_head() {
  return "\nKeySketch::append, a key at a time, mean over a block: us per key of all KV heads, and its share of a step "
         "of "
         "exact\n"
         "case             type backend |  exact ms | append(k) us   share | append(k, v) us   share\n";
}

std::string append_line(const AppendCost& a) {
  return format("%-16s %-4s %-7s | %9.4f | %12.2f %6.2f%% | %15.2f %6.2f%%\n", a.at.shape.name().c_str(),
                name(a.at.dtype), a.backend.c_str(), a.exact_ms, a.k_us, 100 * a.share(a.k_us), a.k_and_v_us,
                100 * a.share(a.k_and_v_us));
}

}  // namespace bench
