// Inputs for guided: heads whose softmax mass lies in few keys, as that of language models does. On flat heads (iid
// normal q and k) no small sample can know its error, and guided runs exact.
//
//   key j    = 0.8 drift(j) + 0.55 noise + 0.5 centre(c), the last in the run of cluster c only
//              drift moves on straight lines between normal vectors, one in 256 keys; each KV head has four clusters,
//              runs of n / 512 keys (8 at least) at random places
//   query h  = 4 (0.8 common + 0.6 own) + 8 / sqrt(head_dim) (centre(h) + centre(h + 1))
//              `common` is one vector for all heads of a group
//   value j  = 0.5 mean + noise
//
// What follows, in nats: scores have a standard deviation of about 3.4, 2.2 of it of single keys, the rest drifts; keys
// of the two clusters that a head looks at lie 4 higher; 2-bit codes know a score to about 0.8. The twentieth of the
// keys with the largest weights holds 91 to 97 % of the mass, and values lie 1.3 to 1.9 times as far from the output as
// that is long. Heads of SmolLM2-135M at 8k keys: 3.4, 0.7, 91 % and 2.3.
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
