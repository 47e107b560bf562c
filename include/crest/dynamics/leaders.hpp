// Leaders, those who follow them, and clusters.
#pragma once

#include "crest/dynamics/step.hpp"

namespace crest {
inline namespace CREST_ABI {
namespace dynamics {

namespace detail {

/// Whether two points are the same up to the rounding of a few steps.
inline bool coincide(const Eigen::RowVectorXf& a, const Eigen::RowVectorXf& b) {
  return (a - b).norm() <= 16 * std::numeric_limits<float>::epsilon() * a.norm();
}

/// Whether C_i holds no token but such as coincide with token i: the mean over C_i of what is 1 elsewhere is then 0, to
/// the last bit. One pass over the tokens.
template <class R, class E>
Status holds_copies_alone(const Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser, Index i, bool& alone,
                          E& executor) {
  const Tokens q = tokens.row(i) * rule.a;
  Tokens elsewhere(tokens.rows(), 1), mean(1, 1);
  for (Index j = 0; j < tokens.rows(); ++j) elsewhere(j) = coincide(tokens.row(i), tokens.row(j)) ? 0.0f : 1.0f;
  const Problem<float> problem{
      .q = view(q), .k = view(tokens), .v = view(elsewhere), .o = view(mean), .scale = normaliser.scale};
  const Status status = attention(problem, normaliser.recipe, executor).status;
  alone = status == Status::ok && mean(0) == 0;
  return status;
}

}  // namespace detail

/// The leaders, ascending: tokens whose C_i holds none but those that coincide with them; of those that coincide the
/// first. Aligns all tokens, then passes over them once for each place at which several tie that have it as their mean.
template <class R, class E = Serial&>
Status leaders(const Tokens& tokens, const Rule& rule, const Normaliser<R>& normaliser, std::vector<Index>& found,
               E&& executor = this_thread_serial()) {
  Alignment seen;
  std::vector<Index> others;  // middles of spread sets
  found.clear();
  if (const Status status = check(tokens, rule); status != Status::ok) return status;
  if (const Status status = align(tokens, tokens, rule, normaliser, seen, executor); status != Status::ok)
    return status;
  for (Index i = 0; i < tokens.rows(); ++i) {
    const auto coincides = [&](Index l) { return detail::coincide(tokens.row(l), tokens.row(i)); };
    const auto equals = [&](Index l) { return tokens.row(l) == tokens.row(i); };
    bool leads = seen.target[i] == i;
    if (seen.size[i] == 1 ? !leads : !detail::coincide(tokens.row(i), seen.mean.row(i))) continue;
    if (std::any_of(found.begin(), found.end(), coincides) || std::any_of(others.begin(), others.end(), equals))
      continue;
    if (!leads)
      if (const Status status = detail::holds_copies_alone(tokens, rule, normaliser, i, leads, executor);
          status != Status::ok)
        return status;
    (leads ? found : others).push_back(i);
  }
  return Status::ok;
}

/// Tokens that lie together.
struct Clusters {
  std::vector<Index> first;  ///< the first token of each cluster, ascending
  std::vector<Index> of;     ///< the cluster of each token

  Index count() const { return static_cast<Index>(first.size()); }
};

/// Each token joins the first cluster whose first token lies within `radius` of it, or begins one. O(n clusters d).
inline Clusters clusters(const Tokens& tokens, float radius) {
  Clusters c;
  for (Index i = 0; i < tokens.rows(); ++i) {
    const auto near = [&](Index first) { return (tokens.row(first) - tokens.row(i)).norm() <= radius; };
    const auto found = std::find_if(c.first.begin(), c.first.end(), near);
    c.of.push_back(found - c.first.begin());
    if (found == c.first.end()) c.first.push_back(i);
  }
  return c;
}

/// Hardmax steps that look only where something can change.
///
/// A token that is drawn to a leader alone is drawn to it for ever, and a leader never moves (docs/dynamics.md, Lemma
/// 1). So it needs no scores any more: its step costs a few d operations.
class Followers {
 public:
  /// The token that draws token i for ever (a leader draws itself), or -1.
  Index leader_of(Index i) const { return leader_of_[i]; }
  Index settled() const { return static_cast<Index>(leader_of_.size()) - Index(open_.size()); }

  /// One step, the same as step() with hardmax, of tokens that only this object moves.
  template <class E = Serial&>
  Status step(Tokens& tokens, const Rule& rule, E&& executor = this_thread_serial()) {
    if (const Status status = check(tokens, rule); status != Status::ok) return status;
    if (Index(leader_of_.size()) != tokens.rows()) forget(tokens.rows());
    if (const Status status = look(tokens, rule, executor); status != Status::ok) return status;
    settle();
    for (Index i = 0; i < tokens.rows(); ++i)
      if (leader_of_[i] >= 0) drawn_.mean.row(i) = tokens.row(leader_of_[i]);
    hold_still(tokens, drawn_);
    move(tokens, rule, drawn_);
    return Status::ok;
  }

 private:
  void forget(Index n) {
    leader_of_.assign(n, -1);
    open_.resize(n);
    for (Index i = 0; i < n; ++i) open_[i] = i;
  }
  /// Aligns the open tokens.
  template <class E>
  Status look(const Tokens& tokens, const Rule& rule, E&& executor) {
    drawn_.mean.resize(tokens.rows(), tokens.cols());
    if (open_.empty()) return Status::ok;
    const Tokens queries = tokens(open_, Eigen::all);
    if (const Status status = align(queries, tokens, rule, hardmax, seen_, executor); status != Status::ok)
      return status;
    for (std::size_t k = 0; k < open_.size(); ++k) drawn_.mean.row(open_[k]) = seen_.mean.row(k);
    return Status::ok;
  }
  /// Closes leaders, then those who are drawn to one alone.
  void settle() {
    for (std::size_t k = 0; k < open_.size(); ++k)
      if (seen_.target[k] == open_[k]) leader_of_[open_[k]] = open_[k];
    std::size_t still = 0;
    for (std::size_t k = 0; k < open_.size(); ++k) {
      const Index i = open_[k], target = seen_.target[k];
      if (target >= 0 && leader_of_[target] == target)
        leader_of_[i] = target;
      else
        open_[still++] = i;
    }
    open_.resize(still);
  }

  std::vector<Index> leader_of_, open_;  ///< open: those whose leader is not known, ascending
  Alignment seen_;                       ///< of the open tokens
  Alignment drawn_;                      ///< `mean` of all tokens
};

}  // namespace dynamics
}  // namespace CREST_ABI
}  // namespace crest
