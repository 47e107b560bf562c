// One step of token dynamics: attention of all tokens to all tokens, and a move towards what each is drawn to.
//
// n tokens in d dimensions cost one call of attention() with head_dim d, value_dim d + 2 and n^2 scores. Four tokens
// share each key as if they were the query heads of a group. No n x n matrix exists.
#pragma once

#include <Eigen/Cholesky>
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

/// Values of attention(): a token, its squared length, its number. Their means are the fields of an Alignment.
inline Tokens numbered(const Tokens& tokens) {
  Tokens values(tokens.rows(), tokens.cols() + 2);
  values.leftCols(tokens.cols()) = tokens;
  values.col(tokens.cols()) = tokens.rowwise().squaredNorm();
  values.rightCols(1) = Eigen::VectorXf::LinSpaced(tokens.rows(), 0, static_cast<float>(tokens.rows() - 1));
  return values;
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

}  // namespace detail

/// What `queries` are drawn to among `tokens`; both have passed check().
template <class R, class E = Serial&>
Status align(const Tokens& queries, const Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser,
             Alignment& out, E&& executor = this_thread_serial()) {
  if (!(normaliser.scale > 0)) return Status::dynamics_scale;
  const Tokens q = detail::projected(queries, rule), values = detail::numbered(tokens);
  Tokens means(q.rows(), values.cols());
  Eigen::VectorXf lse(q.rows());
  const Problem<float> problem{.q = view(q, detail::group),
                               .k = view(tokens),
                               .v = view(values),
                               .o = view(means, detail::group),
                               .lse = {lse.data(), {detail::group, q.rows() / detail::group}},
                               .scale = normaliser.scale};
  const Report report = attention(problem, normaliser.recipe, executor);
  if (!report.ok()) return report.status;
  out = {};
  out.mean = means.topLeftCorner(queries.rows(), queries.cols());
  if constexpr (Uniform<R>) detail::read_sets(means, lse, out);
  return Status::ok;
}

/// The weights of all tokens, [n][n]: attention with the identity as values. For small n.
template <class R, class E = Serial&>
Status weights(const Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser, Tokens& out,
               E&& executor = this_thread_serial()) {
  if (const Status status = check(tokens, rule); status != Status::ok) return status;
  const Index n = tokens.rows();
  const Tokens q = tokens * rule.a, one = Tokens::Identity(n, n);
  out.resize(n, n);
  return attention(
             Problem<float>{.q = view(q), .k = view(tokens), .v = view(one), .o = view(out), .scale = normaliser.scale},
             normaliser.recipe, executor)
      .status;
}

/// Largest distance, over tokens and coordinates, between a token and what it is drawn to.
inline float pull(const Tokens& tokens, const Alignment& seen) {
  return tokens.size() == 0 ? 0 : (seen.mean - tokens).cwiseAbs().maxCoeff();
}

/// A token whose set coincides with it up to the rounding of a mean stays where it is, to the last bit.
inline void hold_still(const Tokens& tokens, Alignment& seen) {
  constexpr float rounding = 16 * std::numeric_limits<float>::epsilon();
  for (Index i = 0; i < tokens.rows(); ++i) {
    const float off = (seen.mean.row(i) - tokens.row(i)).cwiseAbs().maxCoeff();
    if (off <= rounding * tokens.row(i).cwiseAbs().maxCoeff()) seen.mean.row(i) = tokens.row(i);
  }
}

/// Moves every token towards what it is drawn to.
inline void move(Tokens& tokens, const Rule& rule, const Alignment& seen) {
  if (rule.normalised)
    tokens += rule.alpha / (1 + rule.alpha) * (seen.mean - tokens);
  else
    tokens += rule.alpha * seen.mean;
}

/// One step; `seen` says what drew the tokens.
template <class R, class E = Serial&>
Status step(Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser, Alignment& seen,
            E&& executor = this_thread_serial()) {
  if (const Status status = check(tokens, rule); status != Status::ok) return status;
  if (const Status status = align(tokens, tokens, rule, normaliser, seen, executor); status != Status::ok)
    return status;
  if constexpr (Uniform<R>) hold_still(tokens, seen);
  move(tokens, rule, seen);
  return Status::ok;
}

}  // namespace dynamics
}  // namespace CREST_ABI
}  // namespace crest
