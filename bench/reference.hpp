// The double reference: a full softmax in plain code, for a few rows.
#pragma once

#include <vector>

#include "cases.hpp"

namespace bench {

/// Some rows of the exact answer to the last query, which sees all keys, in double.
struct Reference {
  std::vector<Index> heads;            ///< first, last and two between
  std::vector<std::vector<double>> o;  ///< one row for each of `heads`

  /// |o - reference| / |reference|, both over all rows of the reference. o: [heads, queries, value_dim], or the last
  /// query's alone.
  double relative_error(const crest::TensorView<const float, 3>& o) const;
  double relative_error(const float* o_all_heads) const;
};

/// `head_count` rows, spread over all heads; at most as many as there are.
template <class T>
Reference reference(const crest::Problem<T>&, Index head_count = 4);

/// |found - exact| / |exact| of one row.
double row_error(const float* found, const float* exact, Index dim);

}  // namespace bench
