// What other shapes cost: cascades over a common prefix, MLA, several queries of one sequence.
#include <crest/cascade.hpp>

#include "features.hpp"
#include "inputs.hpp"
#include "reference.hpp"

namespace bench {

namespace {

/// Queries of some sequences, or of one: [heads, count, head_dim].
std::vector<float> make_queries(Shape s, Index count) {
  s.queries = count;
  return make_queries(s, false);
}

/// Sequences with the same first keys, each with a copy of its own: [sequence][kv_head][key][head_dim].
template <class T>
class CascadeBench {
 public:
  explicit CascadeBench(const Case& c) : case_(c) {
    fill_keys(own_shape_, k_.as<T>());
    fill_values(own_shape_, v_.as<T>());
    for (Index s = 1; s < sequences; ++s) {
      std::copy_n(k_.as<T>(), sequence_size(), k_.as<T>() + s * sequence_size());
      std::copy_n(v_.as<T>(), sequence_size(), v_.as<T>() + s * sequence_size());
    }
  }

  std::vector<FeatureRow> run(const Effort& effort) {
    std::vector<Problem> separate, paged, rest;
    for (Index s = 0; s < sequences; ++s) {
      separate.push_back(sequence(s, {0, own_shape_.keys}));
      paged.push_back(shared_pages(s));
      rest.push_back(sequence(s, {case_.shape.keys, own_shape_.keys}));
    }
    const Problem prefix = prefix_of_all();
    ReadLimit limit(k_.bytes(), v_.bytes(), 1);
    FeatureSet set{"cascade", case_, &limit};
    const auto batch = [](const std::vector<Problem>& problems) {
      return [&](crest::Backend b) { return crest::attention(problems, crest::exact, crest::this_thread_serial(), b); };
    };
    set.add("8 separate", batch(separate));
    set.add("8 on shared pages", batch(paged));
    set.add("cascade",
            [&](crest::Backend b) {
              return crest::cascade(prefix, std::span<const Problem>(rest), crest::exact, crest::this_thread_serial(),
                                    b);
            })
        .goals = {{Goal::Of::ratio, 0.5}};
    return measure(set, effort);
  }

 private:
  using Problem = crest::Problem<T>;
  static constexpr Index sequences = 8, own = 128, page = 64;

  Index sequence_size() const { return own_shape_.kv_elements(); }
  Index pages_of_a_sequence() const { return sequence_size() / (page * case_.shape.head_dim); }

  /// Keys of one sequence.
  Problem sequence(Index s, KeyRange keys) {
    const Index d = case_.shape.head_dim, first = s * sequence_size() + keys.first * d;
    const std::array<Index, 3> cache{case_.shape.kv_heads, length(keys), d}, strides{own_shape_.keys * d, d, 1};
    const std::array<Index, 3> row{case_.shape.heads, 1, d}, row_strides{sequences * d, d, 1};
    Problem p;
    p.q = {q_.data() + s * d, row, row_strides};
    p.o = {o_.data() + s * d, row, row_strides};
    p.lse = {lse_.data() + s, {case_.shape.heads, 1}, {sequences, 1}};
    p.k = {k_.as<const T>() + first, cache, strides};
    p.v = {v_.as<const T>() + first, cache, strides};
    return p;
  }

  /// The common keys for the queries of all.
  Problem prefix_of_all() {
    const std::array<Index, 3> rows{case_.shape.heads, sequences, case_.shape.head_dim};
    Problem p = sequence(0, {0, case_.shape.keys});
    p.q = {q_.data(), rows};
    p.o = {prefix_o_.data(), rows};
    p.lse = {prefix_lse_.data(), {case_.shape.heads, sequences}};
    return p;
  }

  /// A sequence that finds the common keys in the memory of the first. A head's keys lie in line, so its pages do.
  Problem shared_pages(Index s) {
    const Index stride = page * case_.shape.head_dim;
    std::vector<std::int32_t>& table = tables_[static_cast<std::size_t>(s)];
    for (Index key = 0; key < own_shape_.keys; key += page)
      table.push_back(static_cast<std::int32_t>((key < case_.shape.keys ? 0 : s * pages_of_a_sequence()) + key / page));
    Problem p = sequence(s, {0, page});
    p.k = {k_.as<const T>(), {p.kv_heads(), page, p.head_dim()}, {p.k.stride(0), p.k.stride(1), 1}};
    p.v = {v_.as<const T>(), {p.kv_heads(), page, p.head_dim()}, {p.v.stride(0), p.v.stride(1), 1}};
    p.pages = {.pages = table, .keys = own_shape_.keys, .pool = sequences * pages_of_a_sequence()};
    p.pages.k_stride = p.pages.v_stride = stride;
    return p;
  }

  Case case_;
  Shape own_shape_{case_.shape.heads, case_.shape.kv_heads, case_.shape.head_dim, case_.shape.keys + own};
  Pages k_{sequences * sequence_size() * sizeof(T)}, v_{sequences * sequence_size() * sizeof(T)};
  std::vector<float> q_ = make_queries(case_.shape, sequences);
  std::vector<float> o_ = std::vector<float>(q_.size()), prefix_o_ = std::vector<float>(q_.size());
  std::vector<float> lse_ = std::vector<float>(static_cast<std::size_t>(case_.shape.heads * sequences));
  std::vector<float> prefix_lse_ = lse_;
  std::array<std::vector<std::int32_t>, sequences> tables_;
};

}  // namespace

std::vector<FeatureRow> measure_cascade(const Case& c, const Effort& effort) {
  return with_type(c.dtype, [&](auto element) { return CascadeBench<decltype(element)>(c).run(effort); });
}

std::vector<FeatureRow> measure_mla(const Case& c, const Effort& effort) {
  constexpr Index value_dim = 512;
  const Inputs<f16> inputs(c.shape);
  std::vector<float> out(static_cast<std::size_t>(c.shape.heads * value_dim));
  crest::Problem<f16> p = inputs.problem(inputs.q, out);
  p.v = {p.k.data_handle(), {1, c.shape.keys, value_dim}, {p.k.stride(0), p.k.stride(1), 1}};
  p.o = {out.data(), {c.shape.heads, 1, value_dim}};
  const Reference answer = reference(p);
  ReadLimit limit(inputs.k.bytes(), inputs.v.bytes(), 1);
  FeatureSet set{"mla", c, &limit};
  Feature& f = set.add("V a view of K", p);
  f.value_dim = value_dim;
  f.error = [&] { return answer.relative_error(out.data()); };
  f.goals = {{Goal::Of::peak, 0.65}};
  return measure(set, effort);
}

std::vector<FeatureRow> measure_queries(const Case& c, const Effort& effort) {
  constexpr Index most = 16;
  const Inputs<f16> inputs(c.shape);
  const std::vector<float> q = make_queries(c.shape, most);
  std::vector<float> out(q.size());
  ReadLimit limit(inputs.k.bytes(), inputs.v.bytes(), 1);
  FeatureSet set{"queries", c, &limit};
  for (Index count : {Index{1}, Index{4}, most}) {
    crest::Problem<f16> p = inputs.problem(inputs.q, out);
    p.q = {q.data(), {c.shape.heads, count, c.shape.head_dim}};
    p.o = {out.data(), {c.shape.heads, count, c.shape.head_dim}};
    p.mask = {.causal = true};
    set.add(std::to_string(count) + (count == 1 ? " query" : " queries"), p).parts = static_cast<int>(count);
  }
  return measure(set, effort);
}

}  // namespace bench
