// sparse and its rivals at equal shares of the keys, and how long sparse takes.
#pragma once

#include <array>
#include <string>

#include "../common/progress.hpp"
#include "../common/trace.hpp"
#include "crest/executors.hpp"
#include "rivals.hpp"

namespace prompt {

inline constexpr std::array<float, 5> shares{0.05f, 0.10f, 0.15f, 0.20f, 0.30f};

/// What a method came to at one share, over rows.
struct Outcome {
  std::vector<double> errors{}, told{};    ///< |o - exact| / |exact|; as predicted, of methods that predict it
  double keys_used = 0, keys_visible = 0;  ///< sums

  void add(const Outcome& more);
  double share() const { return keys_used / keys_visible; }
  /// True by predicted error, of rows that are not exact.
  std::vector<double> true_by_told() const;
};

struct Method {
  std::string name;
  bool oracle = false;
  std::array<Outcome, shares.size()> at{};
};

struct Times {
  double exact = 0;
  std::array<double, shares.size()> sparse{};  ///< seconds, one thread
};

/// Where another method that is no oracle had a smaller mean error than sparse.
struct Loss {
  int layer;
  float share;
  std::string to;
  double error, sparse_error;
};

struct Study {
  std::vector<Method> methods{};  ///< sparse first
  std::vector<double> exact{};    ///< errors of crest's exact
  Outcome mixed{};                ///< of crest's mixed, in software that does what tile registers would
  std::vector<Loss> losses{};     ///< on single layers
  Times times{};

  const Method& sparse() const { return methods[0]; }
  /// The method with the least mean error that is neither sparse nor an oracle.
  const Method& best_rival(std::size_t share) const;
};

struct Effort {
  crest::Pool& pool;
  demo::Progress& progress;
  int repeat;
};

Study study(const demo::Trace& trace, const Effort& effort);

}  // namespace prompt
