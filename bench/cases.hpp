// What is measured: shapes of one decode step, cache types, thread counts.
#pragma once

#include <crest/core/problem.hpp>
#include <string>
#include <vector>

namespace bench {

using crest::bf16;
using crest::f16;
using crest::Index;

enum class DType { f32, f16, bf16 };

const char* name(DType);
DType dtype_named(const std::string&);

/// Calls f with a value of the storage type.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  if (dtype == DType::f32) return f(float{});
  if (dtype == DType::f16) return f(f16{});
  return f(bf16{});
}

/// One query per head against `keys` keys: a decode step of one layer.
struct Shape {
  Index heads = 32, kv_heads = 8, head_dim = 128, keys = 4096;

  Index kv_elements() const { return kv_heads * keys * head_dim; }  ///< of K, and as many of V
  std::size_t kv_bytes(DType dtype) const { return kv_elements() * (dtype == DType::f32 ? 8u : 4u); }  ///< K and V
  double flops() const { return 4.0 * static_cast<double>(heads * head_dim * keys); }  ///< q k and p v, FMA = 2

  std::string model() const;  ///< "32/8 d128"
  std::string name() const;   ///< "D_32_8_d128_n16k"
};

struct Case {
  Shape shape;
  DType dtype = DType::f16;
  int threads = 1;

  std::string name() const;       ///< "D_32_8_d128_n16k f16 t1"
  std::string list_line() const;  ///< name of the shape, its four numbers, type, threads
};

struct Grid {
  std::vector<Shape> models;  ///< their lengths come from `keys`
  std::vector<Index> keys;
  std::vector<DType> dtypes;
  std::vector<int> threads;
};

/// Everything; every other length, for slow peers; the few cases that answer first.
Grid full_grid();
Grid coarse_grid();
Grid quick_grid();

/// For guided: an f16 cache and one thread, from below the shortest context that it takes on; or a few cases. What
/// appending to a sketch costs is compared at 8k.
Grid guided_grid(bool quick);
Grid append_grid();

/// The cases of a grid whose name holds every word of `filter` ("d128 n16k f16 t1"); all when it is empty.
std::vector<Case> cases(const Grid&, const std::string& filter);

}  // namespace bench
