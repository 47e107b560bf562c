// What draws tokens: attention of all tokens to all tokens.
//
// n tokens in d dimensions are queries, keys and values of attention() with head_dim d and value_dim d + 1. Four tokens
// share each key as if they were the query heads of a group. No n x n matrix exists. Sets of equal weights are sought
// among the longest tokens first, which spares most of the n^2 scores.
#pragma once

#include <Eigen/Cholesky>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "crest/dynamics/normaliser.hpp"
#include "crest/eigen.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace dynamics {

/// One token a row.
using Tokens = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// z_i <- (z_i + alpha m_i) / (1 + alpha), m_i the weighted mean of the tokens under scores <a z_i, z_j>.
struct Rule {
  Eigen::MatrixXf a;       ///< symmetric, positive definite
  float alpha = 0.1f;      ///< step size, above 0
  bool normalised = true;  ///< false: z_i <- z_i + alpha m_i
};

/// What tokens are drawn to. The fields behind `mean` describe sets of equal weights; softmax leaves them empty.
struct Alignment {
  Tokens mean;                ///< m_i
  std::vector<Index> size;    ///< tokens in C_i, exactly
  std::vector<Index> target;  ///< the only token of C_i, or -1
  Index scores = 0;           ///< computed to find that; n^2 for a full scan of n tokens
};

namespace detail {

/// The largest Euclidean norm.
inline double reach(const Tokens& tokens) {
  return tokens.rows() == 0 ? 0 : std::sqrt(tokens.cast<double>().rowwise().squaredNorm().maxCoeff());
}

/// Whether floats hold what a step computes of tokens no longer than `longest`, in units 1 / `scale` of a score: parts
/// of <A z_i, z_j>, none above norm(A) longest^2, and of A z_i, with room for rounding.
inline bool representable(const Rule& rule, double longest, double scale) {
  const double most = rule.a.cast<double>().norm() * longest * std::max(longest, 1.0);
  return most * std::max(scale, 1.0) <= double{std::numeric_limits<float>::max()} / 8;
}

/// Whether 1 + alpha, and without normalisation every token after the step, is finite.
inline bool bounded_step(const Rule& rule, double longest) {
  const double growth = rule.normalised ? 1 : std::max(longest, 1.0);
  return (1 + double{rule.alpha}) * growth <= double{std::numeric_limits<float>::max()};
}

}  // namespace detail

/// The first rule that tokens or a Rule break, or ok.
inline Status check(const Tokens& tokens, const Rule& rule) {
  constexpr Index most_tokens = Index{1} << 24;  // a float still counts them
  if (tokens.cols() < 1 || tokens.rows() > most_tokens || !tokens.allFinite()) return Status::dynamics_tokens;
  if (rule.a.rows() != tokens.cols() || rule.a.cols() != tokens.cols()) return Status::dynamics_matrix_size;
  if (!(rule.a.array() == rule.a.transpose().array()).all()) return Status::dynamics_matrix_symmetric;
  if (!rule.a.allFinite() || Eigen::LLT<Eigen::MatrixXf>(rule.a).info() != Eigen::Success)
    return Status::dynamics_matrix_definite;
  const double longest = detail::reach(tokens);
  if (!detail::representable(rule, longest, 1)) return Status::dynamics_tokens;
  return rule.alpha > 0 && detail::bounded_step(rule, longest) ? Status::ok : Status::dynamics_alpha;
}

namespace detail {

inline constexpr Index group = 4;  ///< tokens that share each key

/// Tokens as keys and values of attention().
struct Keys {
  Tokens tokens;
  Tokens values;           ///< a token and its number: their means are the fields of an Alignment
  Eigen::VectorXd length;  ///< sqrt(<a z, z>), see lengths()
};

/// Not less than sqrt(<a z, z>), by what 2 d + 4 roundings of doubles may come to.
inline Eigen::VectorXd lengths(const Tokens& tokens, const Rule& rule) {
  const Eigen::MatrixXd z = tokens.cast<double>(), a = rule.a.cast<double>();
  const double rounding = static_cast<double>(2 * z.cols() + 4) * 0x1p-53 * a.norm();
  const Eigen::VectorXd squares = (z * a).cwiseProduct(z).rowwise().sum();
  return (squares + rounding * z.rowwise().squaredNorm()).cwiseMax(0).cwiseSqrt();
}

inline Keys keys_of(const Tokens& tokens, const Rule& rule) {
  Tokens values(tokens.rows(), tokens.cols() + 1);
  values.leftCols(tokens.cols()) = tokens;
  for (Index i = 0; i < tokens.rows(); ++i) values(i, tokens.cols()) = static_cast<float>(i);
  return {tokens, values, lengths(tokens, rule)};
}

inline std::vector<Index> up_to(Index n) {
  std::vector<Index> numbers(n);
  std::iota(numbers.begin(), numbers.end(), Index{0});
  return numbers;
}

inline Keys longest_first(const Keys& keys) {
  std::vector<Index> order = up_to(keys.tokens.rows());
  std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return keys.length[i] > keys.length[j]; });
  return {keys.tokens(order, Eigen::all), keys.values(order, Eigen::all), keys.length(order)};
}

/// a z_i of each query, and rows of zeros up to a whole number of groups.
inline Tokens projected(const Tokens& queries, const Rule& rule) {
  Tokens q = Tokens::Zero(round_up(queries.rows(), group), queries.cols());
  q.topRows(queries.rows()).noalias() = queries * rule.a;
  return q;
}

/// Reads the means of sets of equal weights; `lse` is the logarithm of their sizes, to four roundings.
inline void read_sets(const Tokens& means, const Eigen::VectorXf& lse, Alignment& out) {
  const Index n = out.mean.rows(), d = out.mean.cols();
  out.size.resize(n), out.target.resize(n);
  for (Index i = 0; i < n; ++i) {
    out.size[i] = std::lround(std::exp(double{lse[i]}));
    out.target[i] = out.size[i] == 1 ? std::lround(means(i, d)) : -1;
  }
}

/// Counts large sets again, each by a call of its own whose Report counts them: the logarithm of 2^17 in float still
/// tells a set from the next larger one (2^17 ln 2^17 4 2^-24 < 1 / 2), and sums of weights are exact up to 2^24.
template <class R, class E>
Status recount(Problem<float> problem, const Tokens& q, const Normaliser<R>& normaliser, Alignment& out, E& executor) {
  constexpr Index surely_counted = Index{1} << 17;
  Tokens mean(1, problem.value_dim());
  problem.o = view(mean), problem.lse = {};
  for (std::size_t i = 0; i < out.size.size(); ++i) {
    if (out.size[i] <= surely_counted) continue;
    const Tokens one = q.row(static_cast<Index>(i));
    problem.q = view(one);
    const Report report = attention(problem, normaliser.recipe, executor);
    if (!report.ok()) return report.status;
    out.size[i] = report.keys_used, out.scores += report.keys_scored;
  }
  return Status::ok;
}

/// Aligns queries with the first `count` keys.
template <class R, class E>
Status attend(const Tokens& queries, const Rule& rule, const Keys& keys, Index count, const Normaliser<R>& normaliser,
              Alignment& out, E& executor) {
  const Tokens q = projected(queries, rule);
  Tokens means(q.rows(), keys.values.cols());
  Eigen::VectorXf lse(q.rows());
  const Problem<float> problem{.q = view(q, group),
                               .k = view(keys.tokens.topRows(count)),
                               .v = view(keys.values.topRows(count)),
                               .o = view(means, group),
                               .lse = {lse.data(), {group, q.rows() / group}},
                               .scale = normaliser.scale};
  const Report report = attention(problem, normaliser.recipe, executor);
  if (!report.ok()) return report.status;
  out = {};
  out.mean = means.topLeftCorner(queries.rows(), queries.cols()), out.scores = report.keys_scored;
  if constexpr (!Uniform<R>) return Status::ok;
  read_sets(means, lse, out);
  return recount(problem, q, normaliser, out, executor);
}

/// Copies row `from` of a part to row `to` of the whole.
inline void put(const Alignment& part, Index from, Alignment& whole, Index to) {
  whole.mean.row(to) = part.mean.row(from);
  whole.size[to] = part.size[from], whole.target[to] = part.target[from];
}

/// Queries against the longest keys first, until no other key can reach what was found.
///
/// No score exceeds the product of two lengths (Cauchy-Schwarz). So a query whose set lies above its length times that
/// of the first key left out has found its whole set; the others go on with eight times as many keys, at most a seventh
/// more work than a full scan. Scores are the kernels' own, so the sets are the same to the last token: allowance()
/// bounds what rounding does to them.
template <class R>
class LongestFirst {
 public:
  LongestFirst(const Tokens& queries, const Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser)
      : queries_(queries),
        rule_(rule),
        normaliser_(normaliser),
        a_(rule.a.cast<double>()),
        keys_(longest_first(keys_of(tokens, rule))),
        reach_(reach(tokens)),
        length_(lengths(queries, rule)),
        open_(up_to(queries.rows())) {}

  template <class E>
  Status align(Alignment& out, E& executor) {
    constexpr Index first = 256, growth = 8;
    const Index n = queries_.rows(), all = keys_.tokens.rows();
    out = {Tokens(n, queries_.cols()), std::vector<Index>(n), std::vector<Index>(n)};
    for (Index count = std::min(first, all); !open_.empty(); count = std::min(count * growth, all)) {
      const Tokens some = queries_(open_, Eigen::all);
      Alignment part;
      if (const Status s = attend(some, rule_, keys_, count, normaliser_, part, executor); s != Status::ok) return s;
      out.scores += part.scores;
      close(part, count, out);
    }
    return Status::ok;
  }

 private:
  /// Puts the queries that are done into `out`.
  void close(const Alignment& part, Index count, Alignment& out) {
    std::size_t still = 0;
    for (std::size_t k = 0; k < open_.size(); ++k) {
      const auto at = static_cast<Index>(k);
      if (count == keys_.tokens.rows() || beyond_reach(open_[k], part, at, count))
        put(part, at, out, open_[k]);
      else
        open_[still++] = open_[k];
    }
    open_.resize(still);
  }
  /// Whether no key from `count` on can belong to the set of query i, found among those before and given as row `at` of
  /// `part`. The highest score is not below that of the mean.
  bool beyond_reach(Index i, const Alignment& part, Index at, Index count) const {
    const Eigen::RowVectorXd z = queries_.row(i).cast<double>();
    const auto score = static_cast<float>((z * a_).dot(part.mean.row(at).cast<double>()));
    const float lowest = normaliser_.recipe.softmax.reference(score * normaliser_.scale) / normaliser_.scale;
    return length_[i] * keys_.length[count] + allowance(z.norm(), part.size[at], count) < lowest;
  }
  /// Bounds all rounding errors of a comparison, for any condition of a: with u = 2^-24 and N = norm(a) norm(z_i)
  /// max_j norm(z_j), a score of d products of d-fold sums is off by at most (2 d + 2) u N, here that of the key left
  /// out and those of the set; the mean by u N for each addition: 256 in a run, and one for each run (attend() folds);
  /// the lowest score that counts by less than 32 u N.
  double allowance(double norm, Index size, Index count) const {
    const Index additions = std::min(size, Index{256}) + std::min(size, count / 256);
    const auto roundings = static_cast<double>(4 * queries_.cols() + additions + 48);
    return roundings * 0x1p-24 * a_.norm() * norm * reach_;
  }

  const Tokens& queries_;
  const Rule& rule_;
  const Normaliser<R>& normaliser_;
  Eigen::MatrixXd a_;
  Keys keys_;
  double reach_;             ///< the largest norm of a token
  Eigen::VectorXd length_;   ///< of the queries
  std::vector<Index> open_;  ///< queries that go on
};

/// Whether scores times the scale, in log2 units, stay in range.
inline Status check_scale(float scale, const Rule& rule, double longest) {
  const bool good = scale > 0 && representable(rule, longest, double{scale} * std::numbers::log2e);
  return good ? Status::ok : Status::dynamics_scale;
}

}  // namespace detail

/// What `queries` are drawn to among `tokens`; both have passed check().
template <class R, class E = Serial&>
Status align(const Tokens& queries, const Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser,
             Alignment& out, E&& executor = this_thread_serial()) {
  const double longest = std::max(detail::reach(queries), detail::reach(tokens));
  if (const Status s = detail::check_scale(normaliser.scale, rule, longest); s != Status::ok) return s;
  if constexpr (Uniform<R> && R::path == Path::stream)
    if (tokens.rows() > 0) return detail::LongestFirst(queries, tokens, rule, normaliser).align(out, executor);
  return detail::attend(queries, rule, detail::keys_of(tokens, rule), tokens.rows(), normaliser, out, executor);
}

/// The weights of all tokens, [n][n]: attention with the identity as values. For small n.
template <class R, class E = Serial&>
Status weights(const Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser, Tokens& out,
               E&& executor = this_thread_serial()) {
  if (const Status status = check(tokens, rule); status != Status::ok) return status;
  if (const Status s = detail::check_scale(normaliser.scale, rule, detail::reach(tokens)); s != Status::ok) return s;
  const Index n = tokens.rows();
  const Tokens q = tokens * rule.a, one = Tokens::Identity(n, n);
  out.resize(n, n);
  return attention(
             Problem<float>{.q = view(q), .k = view(tokens), .v = view(one), .o = view(out), .scale = normaliser.scale},
             normaliser.recipe, executor)
      .status;
}

}  // namespace dynamics
}  // namespace CREST_ABI
}  // namespace crest
