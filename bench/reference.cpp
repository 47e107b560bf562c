#include "reference.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

namespace {

/// Element x of a key's row as it is stored, times the key's scale.
template <class T>
double element(const crest::TensorView<const T, 3>& rows, const crest::TensorView<const float, 2>& scales, Index kv,
               Index j, Index x) {
  constexpr Index in = crest::elements_in<T>;
  const double stored = crest::element_in(rows(kv, j, x / in), x % in);
  return crest::is_scaled<T> ? stored * scales(kv, j) : stored;
}

template <class T>
std::vector<double> softmax_row(const crest::Problem<T>& p, Index head) {
  const Index kv = head / p.gqa_group(), dim = p.head_dim();
  std::vector<double> w(p.keys());
  for (Index j = 0; j < p.keys(); ++j) {
    double score = 0;
    for (Index x = 0; x < dim; ++x) score += p.q(head, p.queries() - 1, x) * element(p.k, p.k_scales, kv, j, x);
    w[j] = score / std::sqrt(static_cast<double>(dim));
  }
  const double top = *std::max_element(w.begin(), w.end());
  for (double& x : w) x = std::exp(x - top);
  return w;
}

template <class T>
std::vector<double> output_row(const crest::Problem<T>& p, Index head) {
  const std::vector<double> w = softmax_row(p, head);
  const Index kv = head / p.gqa_group();
  std::vector<double> o(p.value_dim());
  double sum = 0;
  for (Index j = 0; j < p.keys(); ++j) {
    sum += w[j];
    for (Index x = 0; x < p.value_dim(); ++x) o[x] += w[j] * element(p.v, p.v_scales, kv, j, x);
  }
  for (double& x : o) x /= sum;
  return o;
}

}  // namespace

double Reference::relative_error(const crest::TensorView<const float, 3>& found) const {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < heads.size(); ++i)
    for (std::size_t x = 0; x < o[i].size(); ++x) {
      const double d = found(heads[i], found.extent(1) - 1, static_cast<Index>(x)) - o[i][x];
      difference += d * d;
      norm += o[i][x] * o[i][x];
    }
  return std::sqrt(difference / norm);
}

double Reference::relative_error(const float* o_all_heads) const {
  return relative_error({o_all_heads, {heads.back() + 1, 1, static_cast<Index>(o[0].size())}});
}

double row_error(const float* found, const float* exact, Index dim) {
  double difference = 0, norm = 0;
  for (Index x = 0; x < dim; ++x) {
    difference += std::pow(static_cast<double>(found[x]) - exact[x], 2);
    norm += std::pow(static_cast<double>(exact[x]), 2);
  }
  return std::sqrt(difference / norm);
}

template <class T>
Reference reference(const crest::Problem<T>& p, Index head_count) {
  Reference r;
  const Index count = std::min(head_count, p.heads());
  for (Index i = 0; i < count; ++i) {
    r.heads.push_back(count == 1 ? 0 : i * (p.heads() - 1) / (count - 1));
    r.o.push_back(output_row(p, r.heads.back()));
  }
  return r;
}

template Reference reference(const crest::Problem<float>&, Index);
template Reference reference(const crest::Problem<f16>&, Index);
template Reference reference(const crest::Problem<bf16>&, Index);
template Reference reference(const crest::Problem<crest::q8_0>&, Index);
template Reference reference(const crest::Problem<crest::q4_0>&, Index);
template Reference reference(const crest::Problem<crest::i8>&, Index);
template Reference reference(const crest::Problem<crest::i4x32>&, Index);

}  // namespace bench
