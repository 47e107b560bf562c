// What caches of other kinds cost: paged ones, and those of few-bit elements.
#include <algorithm>
#include <numeric>
#include <tuple>

#include "features.hpp"
#include "inputs.hpp"
#include "noise.hpp"
#include "reference.hpp"

namespace bench {

namespace {

/// The rows of a cache in pages of a pool, in shuffled order: [page][kv_head][key][head_dim].
class PagedCopy {
 public:
  PagedCopy(const Cache<f16>& from, Index page) : shape_(from.shape), page_(page), table_(from.shape.keys / page) {
    std::iota(table_.begin(), table_.end(), 0);
    for (std::size_t i = table_.size(); i > 1; --i) std::swap(table_[i - 1], table_[mix(Stream::places, i) % i]);
    scatter(from.k.as<f16>(), k_.as<f16>());
    scatter(from.v.as<f16>(), v_.as<f16>());
  }

  crest::Problem<f16> problem(crest::Problem<f16> p) const {
    const std::array<Index, 3> one_page{shape_.kv_heads, page_, shape_.head_dim};
    p.k = {k_.as<const f16>(), one_page};
    p.v = {v_.as<const f16>(), one_page};
    p.pages = {.pages = table_, .keys = shape_.keys, .pool = pages(), .k_stride = stride(), .v_stride = stride()};
    return p;
  }

 private:
  Index pages() const { return static_cast<Index>(table_.size()); }
  Index stride() const { return shape_.kv_heads * page_ * shape_.head_dim; }

  void scatter(const f16* from, f16* to) const {
    const Index rows = page_ * shape_.head_dim;
    for (Index head = 0; head < shape_.kv_heads; ++head)
      for (Index i = 0; i < pages(); ++i)
        std::copy_n(from + (head * pages() + i) * rows, rows, to + table_[i] * stride() + head * rows);
  }

  Shape shape_;
  Index page_;
  std::vector<std::int32_t> table_;
  Pages k_{shape_.kv_elements() * sizeof(f16)}, v_{shape_.kv_elements() * sizeof(f16)};
};

/// A cache of one type with its answer and its read limit.
template <class T>
class TypedCache {
 public:
  explicit TypedCache(const Case& c) : at_{c.shape, dtype_of<T>, 1} {}

  void join(FeatureSet& set) {
    finish(set.add(name(at_.dtype), problem_), goals());
    if (!crest::is_float_element<T>)
      finish(set.add(std::string(name(at_.dtype)) + " integer", problem_, crest::integer), {{Goal::Of::error, 1e-3}});
  }

 private:
  void finish(Feature& f, std::vector<Goal> goals) {
    f.at = at_;
    f.limit = &limit_;
    f.error = [this] { return answer_.relative_error(out_.data()); };
    f.goals = std::move(goals);
  }
  /// A group shares what is loaded, so that arithmetic counts; without one, bytes do.
  std::vector<Goal> goals() const {
    if (crest::is_float_element<T>) return {};
    const bool bytes = sizeof(T) / crest::elements_in<T> >= 1;
    const Goal error{Goal::Of::error, 2e-5};
    if (!bytes) return {{Goal::Of::roofline, 0.5}, error};
    if (at_.shape.heads > at_.shape.kv_heads) return {{Goal::Of::roofline, 0.65}, error};
    return {{Goal::Of::limit, 0.80}, error};
  }

  Case at_;
  Inputs<T> inputs_{at_.shape};
  std::vector<float> out_ = std::vector<float>(static_cast<std::size_t>(at_.shape.heads * at_.shape.head_dim));
  crest::Problem<T> problem_ = inputs_.problem(inputs_.q, out_);
  Reference answer_ = reference(problem_);
  ReadLimit limit_{inputs_.k.bytes(), inputs_.v.bytes(), 1};
};

}  // namespace

std::vector<FeatureRow> measure_pages(const Case& c, const Effort& effort) {
  const Inputs<f16> inputs(c.shape);
  std::vector<float> out(static_cast<std::size_t>(c.shape.heads * c.shape.head_dim));
  ReadLimit limit(inputs.k.bytes(), inputs.v.bytes(), 1);
  FeatureSet set{"pages", c, &limit};
  const crest::Problem<f16> contiguous = inputs.problem(inputs.q, out);
  std::vector<PagedCopy> copies;
  for (Index page : {1, 16, 64, 256}) copies.emplace_back(inputs, page);
  set.add("contiguous", contiguous);
  for (const PagedCopy& copy : copies) {
    const crest::Problem<f16> paged = copy.problem(contiguous);
    Feature& f = set.add("pages of " + std::to_string(paged.k.extent(1)), paged);
    if (paged.k.extent(1) >= 16) f.goals = {{Goal::Of::ratio, 1.05}};
  }
  return measure(set, effort);
}

std::vector<FeatureRow> measure_caches(const Case& c, const Effort& effort) {
  using namespace crest;
  std::tuple<TypedCache<f16>, TypedCache<q8_0>, TypedCache<q4_0>, TypedCache<i8>, TypedCache<i4x32>> caches(c, c, c, c,
                                                                                                            c);
  FeatureSet set{"caches", c, nullptr};
  std::apply([&](auto&... cache) { (cache.join(set), ...); }, caches);
  return measure(set, effort);
}

}  // namespace bench
