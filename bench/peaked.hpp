// Inputs for guided: heads whose softmax mass lies in few keys, as that of language models does. On flat heads (iid
// normal q and k) no small sample can know its error, and guided runs exact.
//
//   key j    = 0.7 drift(j) + 0.6 noise + 0.5 centre(c), the last in the run of cluster c only
//              drift moves on straight lines between normal vectors, one in 256 keys; each KV head has four clusters,
//              runs of n / 512 keys (8 at least) at random places
//   query h  = 3.2 (0.6 common + 0.8 own) + 8 / sqrt(head_dim) (centre(h) + centre(h + 1)); `common` is one vector for
//              all heads of a group
//   value j  = 0.5 mean + noise
//
// What follows for the scores, in nats: a standard deviation of about 2.7, of which 1.9 to 2.2 are of single keys and
// the rest drifts; keys of the two clusters that a head looks at lie 4 higher. The twentieth of the keys with the
// largest weights holds about 90 % of the mass; 2-bit codes know a score to about 0.7; values lie twice as far from the
// output as that is long. Layers of SmolLM2-135M at 8k have, in the median: 3.5, 97 %, 0.65, 2.1.
#pragma once

#include "inputs.hpp"

namespace bench {

/// [heads, head_dim].
std::vector<float> make_peaked_queries(const Shape&);

/// [kv_heads, keys, head_dim].
template <class T>
void fill_peaked_keys(const Shape&, T* k);
template <class T>
void fill_peaked_values(const Shape&, T* v);

/// A cache and queries for it.
template <class T>
struct PeakedInputs : Cache<T> {
  explicit PeakedInputs(const Shape& s) : Cache<T>(s) {
    fill_peaked_keys(s, this->k.template as<T>());
    fill_peaked_values(s, this->v.template as<T>());
  }

  std::vector<float> q = rounded<T>(make_peaked_queries(this->shape));
};

}  // namespace bench
