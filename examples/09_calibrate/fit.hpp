// Fits a SketchBasis: the directions in which keys differ and queries look, and how many bits each is worth.
//
// A score is q . k. Of a key's code only its error e matters, and of that only (q . e)^2 on the average over queries:
// e' Cq e, with Cq the second moment of the queries. In coordinates where Cq is the identity every direction counts
// alike; there the eigenvectors of the keys' covariance are the best axes (Karhunen-Loeve), and bits go where they
// lower the sum of squared errors most (reverse water-filling; Cover and Thomas, Elements of Information
// Theory, 10.3.3).
#pragma once

#include "crest/sketch/basis.hpp"

namespace calibrate {

/// bits: per dimension of head_dim, on the whole. ridge: share of the mean query variance added to every direction, so
/// that directions no query of the trace looked at do not seem free.
struct FitOptions {
  double bits = 0.5;
  double ridge = 0.05;
};

/// What to fit to: queries [heads, positions, head_dim] and keys [kv_heads, keys, head_dim] of one layer.
struct Sample {
  crest::TensorView<const float, 3> q;
  crest::TensorView<const crest::f16, 3> k;
};

/// One basis per KV head, with widths in common.
crest::SketchBasis fit(const Sample& sample, const FitOptions& options);

}  // namespace calibrate
