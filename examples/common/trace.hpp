// Recorded queries, keys and values of a language model's attention layers.
//
// A trace is a folder:
//   meta.json            n, n_head, n_kv, head_dim, layers; optional: value_dim, scale, model, text
//   qpos.npy             int64 [positions]: where in the context each query stands
//   q_LL.npy             float16 [n_head, positions, head_dim], LL = layer in two digits
//   k_LL.npy, v_LL.npy   float16 [n_kv, n, head_dim], [n_kv, n, value_dim]: keys (after rope) and values
// and, where qpos.npy has few neighbouring positions, queries of neighbours:
//   prompt_qpos.npy      int64 [positions]: where they stand, one behind the other
//   prompt_q_LL.npy      float16 [n_head, positions, head_dim]
// The query at position p sees keys 0..p.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "crest/crest.hpp"
#include "npy.hpp"

namespace demo {

struct Layer {
  int number = 0;
  std::vector<float> q;          ///< [heads, positions, head_dim]
  std::vector<crest::f16> k, v;  ///< [kv_heads, keys, head_dim], [kv_heads, keys, value_dim]
};

struct Trace {
  std::string name, model, text;
  crest::Index heads = 0, kv_heads = 0, keys = 0, head_dim = 0, value_dim = 0;
  float scale = 0;
  std::vector<crest::Index> positions;
  std::vector<Layer> layers;

  crest::Index gqa_group() const { return heads / kv_heads; }
  crest::Index queries() const { return static_cast<crest::Index>(positions.size()); }
};

/// Reads and checks a whole trace. Throws TraceError.
Trace read_trace(const std::filesystem::path& folder);

/// Of how many neighbouring positions a prompt may consist.
struct PromptSize {
  crest::Index least, most;
};

/// The same trace with the queries of a prompt, the last positions of prompt_qpos.npy, or of qpos.npy where there is no
/// such file, that follow one another; keys behind them are left out. Throws TraceError, also where they are too few.
Trace read_prompt(const std::filesystem::path& folder, PromptSize size);

}  // namespace demo
