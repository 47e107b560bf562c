// Bytes of a basis that come back or are refused, and bases that are refused by their shape.
#include <gtest/gtest.h>

#include <limits>

#include "crest/sketch/basis.hpp"
#include "support/sketches.hpp"

namespace {

using crest::f16;
using crest::Index;
using crest::KeySketch;
using crest::SketchBasis;
using crest::Status;
using test::Bytes;

/// Of head_dim 8: two fields.
SketchBasis small_basis() {
  test::Random random(1);
  SketchBasis basis{.kv_heads = 2, .head_dim = 8, .mapped = 8, .bits = {4, 1}};
  for (auto* matrix : {&basis.key_matrix, &basis.query_matrix})
    for (int i = 0; i < 2 * 8 * 8; ++i) matrix->push_back(random.normal());
  return basis;
}

Bytes saved(const SketchBasis& basis) {
  Bytes bytes(crest::saved_bytes(basis));
  EXPECT_EQ(crest::save_basis(basis, bytes), Status::ok);
  return bytes;
}

void expect_equal(const SketchBasis& a, const SketchBasis& b) {
  EXPECT_EQ(a.kv_heads, b.kv_heads);
  EXPECT_EQ(a.head_dim, b.head_dim);
  EXPECT_EQ(a.mapped, b.mapped);
  EXPECT_EQ(a.bits, b.bits);
  EXPECT_EQ(a.key_matrix, b.key_matrix);
  EXPECT_EQ(a.query_matrix, b.query_matrix);
}

void expect_refused(std::span<const std::byte> bytes) {
  SketchBasis kept = small_basis();
  kept.bits = {2, 2};
  const SketchBasis before = kept;
  EXPECT_EQ(crest::load_basis(bytes, kept), Status::sketch_saved);
  expect_equal(kept, before);
}

TEST(Saved, ComesBackAsItWas) {
  const SketchBasis basis = small_basis();
  Bytes bytes = saved(basis);
  bytes.resize(bytes.size() + 5);  // what follows does not matter
  SketchBasis loaded;
  ASSERT_EQ(crest::load_basis(bytes, loaded), Status::ok);
  expect_equal(loaded, basis);
  auto c = test::cache(200, 8);
  EXPECT_EQ(test::content(test::sketch_of(c, true, {.basis = &loaded})),
            test::content(test::sketch_of(c, true, {.basis = &basis})));
}

TEST(Saved, WritesEveryByte) {
  const Bytes bytes = saved(small_basis());
  Bytes dirty(bytes.size(), std::byte{0xff});
  EXPECT_EQ(crest::save_basis(small_basis(), dirty), Status::ok);
  EXPECT_EQ(dirty, bytes);
}

TEST(Saved, AChangedBitIsRefused) {
  const Bytes bytes = saved(small_basis());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes changed = bytes;
    changed[i] ^= std::byte{1} << i % 8;
    expect_refused(changed);
  }
}

TEST(Saved, MissingBytesAreRefused) {
  const Bytes bytes = saved(small_basis());
  for (std::size_t n = 0; n < bytes.size(); ++n) expect_refused(std::span(bytes).first(n));
  Bytes room(bytes.size() - 1);
  EXPECT_EQ(crest::save_basis(small_basis(), room), Status::sketch_saved);
  EXPECT_EQ(room, Bytes(room.size())) << "nothing may be written";
}

/// Bytes changed by f(header, bytes behind it), with a checksum that is right.
template <class F>
Bytes resealed(F&& f) {
  Bytes bytes = saved(small_basis());
  crest::detail::BasisHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  f(header, bytes.data() + sizeof header);
  bytes.resize(std::max<std::size_t>(bytes.size(), sizeof header + (header.fields < 100 ? header.payload() : 0)));
  if (header.fields < 100) header.checksum = header.sum_over(bytes.data() + sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

TEST(Saved, NonsenseUnderAGoodChecksumIsRefused) {
  using crest::detail::BasisHeader;
  SketchBasis loaded;
  EXPECT_EQ(crest::load_basis(resealed([](BasisHeader&, std::byte*) {}), loaded), Status::ok);
  expect_refused(resealed([](BasisHeader& h, std::byte*) { ++h.version; }));
  expect_refused(resealed([](BasisHeader& h, std::byte*) { h.fields = 3; }));
  expect_refused(resealed([](BasisHeader& h, std::byte*) { h.fields = 0; }));
  expect_refused(resealed([](BasisHeader& h, std::byte*) { h.fields = 0xffffffffu; }));
  expect_refused(resealed([](BasisHeader& h, std::byte*) { h.kv_heads = 0; }));
  expect_refused(resealed([](BasisHeader& h, std::byte*) { h.head_dim = 0; }));
  expect_refused(resealed([](BasisHeader& h, std::byte*) { h.kv_heads = h.head_dim = 1u << 31; }));  // 2^65 floats
  expect_refused(resealed([](BasisHeader&, std::byte* at) { at[1] = std::byte{3}; }));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect_refused(resealed([&](BasisHeader&, std::byte* at) { std::memcpy(at + 4, &nan, sizeof nan); }));
}

TEST(Saved, WhatIsNoBasisIsNotSaved) {
  const auto refuse = [](auto&& change) {
    SketchBasis basis = small_basis();
    change(basis);
    Bytes room(4096);
    EXPECT_EQ(crest::save_basis(basis, room), Status::sketch_basis);
    EXPECT_EQ(room, Bytes(room.size())) << "nothing may be written";
  };
  refuse([](SketchBasis& b) { b = {}; });
  refuse([](SketchBasis& b) { b.bits[0] = 3; });
  refuse([](SketchBasis& b) { b.mapped = 4; });
  refuse([](SketchBasis& b) { b.bits.pop_back(); });
  refuse([](SketchBasis& b) { b.key_matrix.pop_back(); });
  refuse([](SketchBasis& b) { b.query_matrix.push_back(0); });
  refuse([](SketchBasis& b) { b.key_matrix[3] = std::numeric_limits<float>::infinity(); });
  refuse([](SketchBasis& b) { b.query_matrix.back() = std::numeric_limits<float>::quiet_NaN(); });
}

/// A basis for other kv_heads, another head_dim, or with matrices of another size.
TEST(Refused, ByShape) {
  const auto expect = [](Index kv_heads, Index head_dim, const SketchBasis& basis, Status wanted) {
    test::Case<f16> c(
        {.shape = {.heads = kv_heads, .kv_heads = kv_heads, .keys = 200, .head_dim = head_dim, .value_dim = 8}});
    KeySketch sketch(kv_heads, head_dim, {.basis = &basis});
    EXPECT_EQ(sketch.append(c.k.view()), wanted);
    EXPECT_EQ(sketch.append(c.k.view(), c.v.view()), wanted == Status::ok ? Status::sketch_rows : wanted);
    EXPECT_EQ(sketch.reserve(100), wanted);
    EXPECT_EQ(sketch.size(), wanted == Status::ok ? 200 : 0);
  };
  expect(2, 8, small_basis(), Status::ok);
  expect(1, 8, small_basis(), Status::sketch_basis);
  expect(4, 8, small_basis(), Status::sketch_basis);
  expect(2, 16, small_basis(), Status::sketch_basis);
  expect(4, 4, small_basis(), Status::sketch_basis);
  SketchBasis short_keys = small_basis(), long_queries = small_basis();
  short_keys.key_matrix.pop_back();
  long_queries.query_matrix.push_back(0);
  expect(2, 8, short_keys, Status::sketch_basis);
  expect(2, 8, long_queries, Status::sketch_basis);
}

}  // namespace
