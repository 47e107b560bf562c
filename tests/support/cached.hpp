// Problems whose cache is paged or made of few-bit blocks, beside the same problem on a plain float cache.
#pragma once

#include <algorithm>

#include "support/case.hpp"
#include "support/compare.hpp"
#include "support/quantise.hpp"

namespace test {

/// What element x of a row is, written out once more for the tests.
inline double plain_element(const float* row, Index x) { return row[x]; }
inline double plain_element(const crest::f16* row, Index x) { return crest::to_float(row[x]); }
inline double plain_element(const crest::bf16* row, Index x) { return crest::to_float(row[x]); }
inline double plain_element(const crest::i8* row, Index x) { return row[x].bits; }
inline double nibble(const std::uint8_t* nibbles, Index i) {
  const int byte = nibbles[i % 16];
  return (i < 16 ? byte % 16 : byte / 16) - 8;
}
inline double plain_element(const crest::i4x32* row, Index x) { return nibble(row[x / 32].nibbles, x % 32); }
inline double plain_element(const crest::q8_0* row, Index x) {
  return double{crest::to_float(row[x / 32].scale)} * row[x / 32].bytes[x % 32];
}
inline double plain_element(const crest::q4_0* row, Index x) {
  return double{crest::to_float(row[x / 32].scale)} * nibble(row[x / 32].nibbles, x % 32);
}

/// How the cache of a Cached lies in memory.
struct Paging {
  Index page = 0;          ///< keys per page; 0: no pages
  bool heads_last = true;  ///< [page][key][head][...]; else [page][head][key][...]
  bool shared = false;     ///< all full pages of the second half repeat those of the first
};

/// Owns a cache of T, in pages or not, and a problem on floats that holds the very same numbers (as floats of `plain`).
template <class T>
struct Cached {
  Case<float> plain;
  std::vector<T> k, v;
  std::vector<float> k_scales, v_scales;
  std::vector<std::int32_t> pages;
  Problem<T> problem;

  explicit Cached(const Spec& spec, const Paging& paging = {}) : plain(spec) {
    const Shape& s = spec.shape;
    const Index page = paging.page ? paging.page : std::max<Index>(s.keys, 1);
    const Index count = (s.keys + page - 1) / page;
    lay_pages(count, paging, spec.seed);
    const Index pool = paging.page ? 2 * count + 1 : 1;
    problem.q = plain.q.view(), problem.o = plain.o.view(), problem.lse = plain.lse.plane();
    problem.error = plain.error.plane(), problem.mask = spec.mask;
    problem.k = fill(plain.k, k, k_scales, problem.k_scales, {s, page, pool, paging}, problem.pages.k_stride,
                     problem.pages.k_scale_stride);
    problem.v = fill(plain.v, v, v_scales, problem.v_scales, {s, page, pool, paging}, problem.pages.v_stride,
                     problem.pages.v_scale_stride);
    if (paging.page) problem.pages.pages = pages, problem.pages.keys = s.keys, problem.pages.pool = pool;
  }
  Cached(const Cached&) = delete;

 private:
  struct Place {
    const Shape& s;
    Index page, pool;
    const Paging& paging;
  };

  /// Every second page of the pool, shuffled.
  void lay_pages(Index count, const Paging& paging, std::uint64_t seed) {
    Random random(seed + 99);
    for (Index i = 0; i < count; ++i) pages.push_back(static_cast<std::int32_t>(paging.page ? 2 * i + 1 : 0));
    for (Index i = count - 1; i > 0; --i) std::swap(pages[i], pages[random.below(i + 1)]);
    if (paging.shared)
      for (Index i = count / 2; i + 1 < count; ++i) pages[i] = pages[i - count / 2];
  }

  /// Quantises the rows of `from` into their pages, and puts into `from` what they have become.
  crest::TensorView<const T, 3> fill(Tensor<float>& from, std::vector<T>& to, std::vector<float>& scales,
                                     crest::TensorView<const float, 2>& scale_view, const Place& at, Index& page_stride,
                                     Index& scale_page_stride) {
    const Index dim = from.extents()[2], units = dim / crest::elements_in<T>, heads = at.s.kv_heads;
    const Index key_stride = at.paging.heads_last ? heads : 1, head_stride = at.paging.heads_last ? 1 : at.page;
    to.assign(static_cast<std::size_t>(at.pool * at.page * heads * units), filler());
    scales.assign(static_cast<std::size_t>(at.pool * at.page * heads), std::numeric_limits<float>::quiet_NaN());
    std::vector<float> row(static_cast<std::size_t>(dim));
    for (Index head = 0; head < heads; ++head)
      for (Index j = 0; j < at.s.keys; ++j) {
        const Index place = pages[j / at.page] * at.page * heads + j % at.page * key_stride + head * head_stride;
        for (Index x = 0; x < dim; ++x) row[x] = from.get(head, j, x);
        scales[place] = store(row.data(), dim, to.data() + place * units);
      }
    for (Index head = 0; head < heads; ++head)
      for (Index j = 0; j < at.s.keys; ++j) {
        const Index place = pages[j / at.page] * at.page * heads + j % at.page * key_stride + head * head_stride;
        for (Index x = 0; x < dim; ++x)
          from.set(head, j, x, static_cast<float>(plain_element(to.data() + place * units, x) * scales[place]));
      }
    page_stride = at.page * heads * units, scale_page_stride = at.page * heads;
    if (crest::is_scaled<T>) scale_view = {scales.data(), {heads, at.page}, {head_stride, key_stride}};
    return {to.data(), {heads, at.page, units}, {head_stride * units, key_stride * units, 1}};
  }
  static float store(const float* row, Index dim, T* to) {
    if constexpr (crest::is_float_element<T>) {
      for (Index x = 0; x < dim; ++x) to[x] = from_float<T>(row[x]);
      return 1;
    } else {
      return quantise(row, dim, to);
    }
  }
  /// What unused pages hold: NaN where there is one.
  static T filler() {
    T value;
    std::memset(&value, 0xff, sizeof value);
    return value;
  }
};

/// Every row lies within four times its own prediction, give or take the rounding of exact rows. Returns the largest
/// error.
template <class T>
double expect_told(const Cached<T>& c, const std::vector<oracle::Row>& wanted) {
  double largest = 0;
  for (Index h = 0; h < c.problem.heads(); ++h)
    for (Index i = 0; i < c.problem.queries(); ++i) {
      const double found = relative_l2(c.plain.problem, h, i, wanted[h * c.problem.queries() + i]);
      EXPECT_LE(found, 4 * row_value(c.problem.error, h, i) + exact_tolerance) << "head " << h << ", query " << i;
      largest = worse(largest, found);
    }
  return largest;
}

}  // namespace test
