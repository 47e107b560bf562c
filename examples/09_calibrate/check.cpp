#include "check.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "rows.hpp"

namespace calibrate {
namespace {

using crest::Index;
using crest::KeySketch;
using crest::Problem;
using crest::SketchView;
using Eigen::MatrixXd;

constexpr float budgets[] = {0.10f, 0.05f};
constexpr Index last_positions = 64;

void expect_ok(crest::Status status) {
  if (status != crest::Status::ok) throw std::runtime_error(crest::to_string(status));
}

/// Coordinates of a coded key, as its bits tell them.
void decode(const SketchView& s, Index j, Eigen::Ref<Eigen::RowVectorXd> y) {
  const Index i = j % s.block_keys;
  const std::byte* block = s.block(j / s.block_keys);
  crest::BlockHead head;
  std::memcpy(&head, s.head(j / s.block_keys), sizeof head);
  const float scale = std::bit_cast<float>(head.scale_base + (static_cast<std::uint32_t>(block[i]) << 20));
  const std::byte* lane = block + s.codes_at + i / s.group_keys * s.group_bytes() + i % s.group_keys * 4;
  Index x = 0;
  for (const crest::SketchField& field : s.fields) {
    std::uint32_t word;
    std::memcpy(&word, lane + field.dword * 4 * s.group_keys, sizeof word);
    for (int byte = 0; byte < 4; ++byte) {
      const std::uint32_t code = (word >> field.shift & field.mask) >> 8 * byte & 0xff;
      y(x++) = scale * (static_cast<float>(code) - field.middle);
    }
  }
}

/// [mapped][head_dim]: what a sketch does to queries.
MatrixXd query_map(const SketchView& s) {
  MatrixXd map = MatrixXd::Zero(s.mapped, s.head_dim);
  std::vector<float> x(static_cast<std::size_t>(s.head_dim));
  for (Index c = 0; c < s.head_dim; ++c) {
    std::fill(x.begin(), x.end(), 0.0f);
    x[static_cast<std::size_t>(c)] = 1;
    if (!s.query_map.matrix) crest::detail::rotate(x.data(), s.query_map.signs, s.head_dim);
    for (Index i = 0; i < s.mapped; ++i)
      map(i, c) = s.query_map.matrix ? s.query_map.matrix[i * s.head_dim + c]
                  : i < s.head_dim   ? x[static_cast<std::size_t>(i)]
                                     : 0;
  }
  return map;
}

/// Variance over keys, mean over queries, of q . (key as its codes tell it - key).
double score_noise(const SketchView& s, const MatrixXd& residuals, const MatrixXd& queries) {
  MatrixXd codes(residuals.rows(), s.mapped);
  Eigen::RowVectorXd y(s.mapped);
  for (Index j = 0; j < codes.rows(); ++j) {
    decode(s, j, y);
    codes.row(j) = y;
  }
  MatrixXd errors = codes * query_map(s) - residuals;
  const Eigen::RowVectorXd mean = errors.colwise().mean();
  errors.rowwise() -= mean;
  return second_moment(errors).cwiseProduct(second_moment(queries)).sum();
}

double mean_noise(const demo::Trace& t, const Sample& s, const KeySketch& sketch) {
  double sum = 0;
  for (Index h = 0; h < t.kv_heads; ++h)
    sum += score_noise(sketch.view(h), residual_rows(s.k, h), query_rows(s.q, h * t.gqa_group(), t.gqa_group()));
  return t.scale * t.scale * sum / static_cast<double>(t.kv_heads);
}

/// Keys or values first .. last - 1.
template <class T>
crest::TensorView<const crest::f16, 3> part(const std::vector<T>& data, const demo::Trace& t, Index dim, Index first,
                                            Index last) {
  return {data.data() + first * dim, {t.kv_heads, last - first, dim}, {t.keys * dim, dim, 1}};
}

/// One position, answered exactly and by guided.
class Position {
 public:
  Position(const demo::Trace& t, const demo::Layer& layer, Index query, const KeySketch& sketch)
      : size_(static_cast<std::size_t>(t.heads * t.value_dim)),
        wanted_(size_),
        found_(size_),
        error_(static_cast<std::size_t>(t.heads)) {
    const Index keys = sketch.size();
    problem_ = {
        .q = {layer.q.data() + query * t.head_dim, {t.heads, 1, t.head_dim}, {t.queries() * t.head_dim, t.head_dim, 1}},
        .k = part(layer.k, t, t.head_dim, 0, keys),
        .v = part(layer.v, t, t.value_dim, 0, keys),
        .o = {wanted_.data(), {t.heads, 1, t.value_dim}},
        .scale = t.scale,
        .sketch = &sketch};
    expect_ok(crest::attention(problem_).status);
    problem_.o = {found_.data(), {t.heads, 1, t.value_dim}};
    problem_.error = {error_.data(), {t.heads, 1}};
  }
  crest::Report run(float budget, std::uint64_t seed) {
    const crest::Report report = crest::attention(problem_, crest::guided.with({.budget = budget, .seed = seed}));
    expect_ok(report.status);
    return report;
  }
  double predicted(Index head) const { return error_[static_cast<std::size_t>(head)]; }
  double error(Index head) const {
    const Index dim = problem_.value_dim();
    const Eigen::Map<const Eigen::VectorXf> wanted(wanted_.data() + head * dim, dim),
        found(found_.data() + head * dim, dim);
    return (found - wanted).norm() / wanted.norm();
  }

 private:
  std::size_t size_;
  std::vector<float> wanted_, found_, error_;
  Problem<crest::f16> problem_;
};

/// Adds up answers at one budget.
struct Tally {
  Answer answer;
  double read = 0, dense = 0;
  std::vector<double> errors{};

  void add(Position& at, Index heads, std::uint64_t seed) {
    const crest::Report report = at.run(answer.budget, seed);
    read += static_cast<double>(report.bytes_read), dense += static_cast<double>(report.bytes_dense);
    answer.exact += static_cast<double>(report.fallbacks);
    for (Index h = 0; h < heads; ++h) {
      errors.push_back(at.error(h));
      answer.understated += at.predicted(h) > 0 && errors.back() > 2 * at.predicted(h);
    }
  }
  Answer result() {
    const double count = static_cast<double>(errors.size());
    std::sort(errors.begin(), errors.end());
    answer.bytes = read / dense, answer.exact /= count, answer.understated /= count;
    answer.mean = std::accumulate(errors.begin(), errors.end(), 0.0) / count;
    answer.p95 = errors[static_cast<std::size_t>(0.95 * (count - 1))];
    return answer;
  }
};

/// The last positions in ascending order.
std::vector<Index> last_queries(const demo::Trace& t) {
  std::vector<Index> queries(static_cast<std::size_t>(t.queries()));
  std::iota(queries.begin(), queries.end(), 0);
  std::sort(queries.begin(), queries.end(), [&](Index a, Index b) { return t.positions[a] < t.positions[b]; });
  if (t.queries() > last_positions) queries.erase(queries.begin(), queries.end() - last_positions);
  return queries;
}

}  // namespace

Sample sample(const demo::Trace& t, const demo::Layer& layer) {
  return {.q = {layer.q.data(), {t.heads, t.queries(), t.head_dim}},
          .k = {layer.k.data(), {t.kv_heads, t.keys, t.head_dim}}};
}

Verdict check(const demo::Trace& t, const demo::Layer& layer, const crest::SketchBasis* basis) {
  KeySketch sketch(t.kv_heads, t.head_dim, {.basis = basis});
  std::vector<Tally> tallies;
  for (float budget : budgets) tallies.push_back({.answer = {.budget = budget}});
  for (Index query : last_queries(t)) {
    const Index have = sketch.size(), keys = t.positions[static_cast<std::size_t>(query)] + 1;
    expect_ok(sketch.append(part(layer.k, t, t.head_dim, have, keys), part(layer.v, t, t.value_dim, have, keys)));
    Position at(t, layer, query, sketch);
    for (Tally& tally : tallies) tally.add(at, t.heads, static_cast<std::uint64_t>(layer.number));
  }
  expect_ok(sketch.append(part(layer.k, t, t.head_dim, sketch.size(), t.keys),
                          part(layer.v, t, t.value_dim, sketch.size(), t.keys)));
  Verdict verdict{.noise = mean_noise(t, sample(t, layer), sketch)};
  for (Tally& tally : tallies) verdict.answers.push_back(tally.result());
  return verdict;
}

}  // namespace calibrate
