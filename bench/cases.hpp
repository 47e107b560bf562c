// What is measured: shapes of one decode step, cache types, thread counts.
#pragma once

#include <crest/core/problem.hpp>
#include <string>
#include <vector>

namespace bench {

using crest::bf16;
using crest::f16;
using crest::Index;
using crest::KeyRange;

/// What a cache holds; names are those of crest's storage types.
enum class DType { f32, f16, bf16, q8_0, q4_0, i8, i4x32 };

const char* name(DType);
DType dtype_named(const std::string&);

/// The name of a storage type.
template <class T>
inline constexpr DType dtype_of = DType::f32;
template <>
inline constexpr DType dtype_of<f16> = DType::f16;
template <>
inline constexpr DType dtype_of<bf16> = DType::bf16;
template <>
inline constexpr DType dtype_of<crest::q8_0> = DType::q8_0;
template <>
inline constexpr DType dtype_of<crest::q4_0> = DType::q4_0;
template <>
inline constexpr DType dtype_of<crest::i8> = DType::i8;
template <>
inline constexpr DType dtype_of<crest::i4x32> = DType::i4x32;

/// Calls f with a value of the storage type, for caches of floats.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  if (dtype == DType::f32) return f(float{});
  if (dtype == DType::f16) return f(f16{});
  return f(bf16{});
}
/// The same for any cache.
template <class F>
decltype(auto) with_cache_type(DType dtype, F&& f) {
  if (dtype == DType::q8_0) return f(crest::q8_0{});
  if (dtype == DType::q4_0) return f(crest::q4_0{});
  if (dtype == DType::i8) return f(crest::i8{});
  if (dtype == DType::i4x32) return f(crest::i4x32{});
  return with_type(dtype, f);
}

/// One query per head against `keys` keys: a decode step of one layer. With as many queries as keys: a prompt.
struct Shape {
  Index heads = 32, kv_heads = 8, head_dim = 128, keys = 4096, queries = 1;

  Index kv_elements() const { return kv_heads * keys * head_dim; }  ///< of K, and as many of V
  std::size_t kv_bytes(DType dtype) const;                          ///< K and V, with the scales of keys
  double flops() const { return 4.0 * static_cast<double>(heads * head_dim * keys); }  ///< q k and p v, FMA = 2

  std::string model() const;  ///< "32/8 d128"
  std::string name() const;   ///< "D_32_8_d128_n16k"; prompts begin with P
};

struct Case {
  Shape shape;
  DType dtype = DType::f16;
  int threads = 1;

  std::string name() const;       ///< "D_32_8_d128_n16k f16 t1"
  std::string list_line() const;  ///< name of the shape, its five numbers, type, threads
};

struct Grid {
  std::vector<Shape> models;  ///< their lengths come from `keys`
  std::vector<Index> keys;
  std::vector<DType> dtypes;
  std::vector<int> threads;
  bool prompts = false;  ///< as many queries as keys
};

/// Everything; every other length, for slow peers; the few cases that answer first.
Grid full_grid();
Grid coarse_grid();
Grid quick_grid();

/// Caches of q8_0 and q4_0, which ggml has as well.
Grid block_grid(bool quick);

/// Whole prompts, causal, one thread; for peers.
Grid prompt_grid(bool quick);

/// For guided: an f16 cache and one thread, from below the shortest context that it takes on; or a few cases. What
/// appending to a sketch costs is compared at 8k.
Grid guided_grid(bool quick);
Grid append_grid();

/// Whether a name holds every word of `words`, each as a whole part: n1k does not mean n16k, nor f16 bf16.
bool holds_all(const std::string& name, const std::string& words);

/// The cases of a grid whose name holds every word of `filter` ("d128 n16k f16 t1"); all when it is empty.
std::vector<Case> cases(const Grid&, const std::string& filter);

}  // namespace bench
