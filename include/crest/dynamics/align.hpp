// What draws tokens: attention of all tokens to all tokens.
//
// n tokens in d dimensions are queries, keys and values of attention() with head_dim d and value_dim d + 2. Four tokens
// share each key as if they were the query heads of a group. No n x n matrix exists. Sets of equal weights are sought
// among the longest tokens first, which spares most of the n^2 scores.
#pragma once

#include <Eigen/Cholesky>
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
  std::vector<Index> size;    ///< tokens in C_i
  std::vector<Index> target;  ///< the only token of C_i, or -1
  Eigen::VectorXf spread;     ///< mean squared distance of C_i from m_i: 0 up to rounding when all its tokens coincide
};

/// The first rule that tokens or a Rule break, or ok.
inline Status check(const Tokens& tokens, const Rule& rule) {
  constexpr Index most_tokens = Index{1} << 24;  // a float still counts them
  if (tokens.cols() < 1 || tokens.rows() > most_tokens || !tokens.allFinite()) return Status::dynamics_tokens;
  if (rule.a.rows() != tokens.cols() || rule.a.cols() != tokens.cols()) return Status::dynamics_matrix_size;
  if (!(rule.a.array() == rule.a.transpose().array()).all()) return Status::dynamics_matrix_symmetric;
  if (!rule.a.allFinite() || Eigen::LLT<Eigen::MatrixXf>(rule.a).info() != Eigen::Success)
    return Status::dynamics_matrix_definite;
  return rule.alpha > 0 && rule.alpha <= std::numeric_limits<float>::max() ? Status::ok : Status::dynamics_alpha;
}

namespace detail {

inline constexpr Index group = 4;  ///< tokens that share each key

/// Tokens as keys and values of attention().
struct Keys {
  Tokens tokens;
  Tokens values;           ///< a token, its squared length, its number: their means are the fields of an Alignment
  Eigen::VectorXf length;  ///< sqrt(<a z, z>)
};

inline Eigen::VectorXf lengths(const Tokens& tokens, const Rule& rule) {
  return (tokens * rule.a).cwiseProduct(tokens).rowwise().sum().cwiseMax(0).cwiseSqrt();
}

inline Keys keys_of(const Tokens& tokens, const Rule& rule) {
  Tokens values(tokens.rows(), tokens.cols() + 2);
  values.leftCols(tokens.cols()) = tokens;
  values.col(tokens.cols()) = tokens.rowwise().squaredNorm();
  for (Index i = 0; i < tokens.rows(); ++i) values(i, tokens.cols() + 1) = static_cast<float>(i);
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

/// Reads the means of sets of equal weights; `lse` is the logarithm of their sizes.
inline void read_sets(const Tokens& means, const Eigen::VectorXf& lse, Alignment& out) {
  const Index n = out.mean.rows(), d = out.mean.cols();
  out.size.resize(n), out.target.resize(n);
  for (Index i = 0; i < n; ++i) {
    out.size[i] = std::lround(std::exp(lse[i]));
    out.target[i] = out.size[i] == 1 ? std::lround(means(i, d + 1)) : -1;
  }
  out.spread = (means.col(d).head(n) - out.mean.rowwise().squaredNorm()).cwiseMax(0);
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
  out.mean = means.topLeftCorner(queries.rows(), queries.cols());
  if constexpr (Uniform<R>) read_sets(means, lse, out);
  return Status::ok;
}

/// Copies row `from` of a part to row `to` of the whole.
inline void put(const Alignment& part, Index from, Alignment& whole, Index to) {
  whole.mean.row(to) = part.mean.row(from);
  whole.size[to] = part.size[from], whole.target[to] = part.target[from], whole.spread[to] = part.spread[from];
}

/// Queries against the longest keys first, until no other key can reach what was found.
///
/// No score exceeds the product of two lengths (Cauchy-Schwarz). So a query whose set lies above its length times that
/// of the first key left out has found its whole set; the others go on with eight times as many keys, at most a seventh
/// more work than a full scan. Scores are the kernels' own, so the sets are the same to the last token.
template <class R>
class LongestFirst {
 public:
  LongestFirst(const Tokens& queries, const Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser)
      : queries_(queries),
        rule_(rule),
        normaliser_(normaliser),
        keys_(longest_first(keys_of(tokens, rule))),
        length_(lengths(queries, rule)),
        open_(up_to(queries.rows())) {}

  template <class E>
  Status align(Alignment& out, E& executor) {
    constexpr Index first = 256, growth = 8;
    const Index n = queries_.rows(), all = keys_.tokens.rows();
    out = {Tokens(n, queries_.cols()), std::vector<Index>(n), std::vector<Index>(n), Eigen::VectorXf(n)};
    for (Index count = std::min(first, all); !open_.empty(); count = std::min(count * growth, all)) {
      const Tokens some = queries_(open_, Eigen::all);
      Alignment part;
      if (const Status s = attend(some, rule_, keys_, count, normaliser_, part, executor); s != Status::ok) return s;
      close(part, count, out);
    }
    return Status::ok;
  }

 private:
  /// Puts the queries that are done into `out`.
  void close(const Alignment& part, Index count, Alignment& out) {
    std::size_t still = 0;
    for (std::size_t k = 0; k < open_.size(); ++k) {
      if (count == keys_.tokens.rows() || beyond_reach(open_[k], part.mean.row(k), count))
        put(part, static_cast<Index>(k), out, open_[k]);
      else
        open_[still++] = open_[k];
    }
    open_.resize(still);
  }
  /// Whether no key from `count` on can belong to the set of query i, whose mean is given.
  bool beyond_reach(Index i, const Eigen::RowVectorXf& mean, Index count) const {
    // Rounding errors of scores, in units of the largest there could be.
    const float rounding = static_cast<float>(queries_.cols() + 8) * std::numeric_limits<float>::epsilon();
    const float score = (queries_.row(i) * rule_.a).dot(mean), most = length_[i] * keys_.length[0];
    const float lowest = normaliser_.recipe.softmax.reference(score * normaliser_.scale) / normaliser_.scale;
    return length_[i] * keys_.length[count] + rounding * most < lowest;
  }

  const Tokens& queries_;
  const Rule& rule_;
  const Normaliser<R>& normaliser_;
  Keys keys_;
  Eigen::VectorXf length_;   ///< of the queries
  std::vector<Index> open_;  ///< queries that go on
};

}  // namespace detail

/// What `queries` are drawn to among `tokens`; both have passed check().
template <class R, class E = Serial&>
Status align(const Tokens& queries, const Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser,
             Alignment& out, E&& executor = this_thread_serial()) {
  if (!(normaliser.scale > 0)) return Status::dynamics_scale;
  if constexpr (Uniform<R> && R::path == Path::stream)
    if (tokens.rows() > 0) return detail::LongestFirst(queries, tokens, rule, normaliser).align(out, executor);
  return detail::attend(queries, rule, detail::keys_of(tokens, rule), tokens.rows(), normaliser, out, executor);
}

/// The weights of all tokens, [n][n]: attention with the identity as values. For small n.
template <class R, class E = Serial&>
Status weights(const Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser, Tokens& out,
               E&& executor = this_thread_serial()) {
  if (const Status status = check(tokens, rule); status != Status::ok) return status;
  if (!(normaliser.scale > 0)) return Status::dynamics_scale;
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
