// KeySketch: saved bytes, and use from many threads.
#include <gtest/gtest.h>

#include <thread>

#include "crest/attention.hpp"
#include "support/sketches.hpp"

namespace {

using crest::f16;
using crest::Index;
using crest::KeySketch;
using crest::Status;
using test::append;
using test::Bytes;
using test::cache;
using test::Case;
using test::saved;
using test::sketch_of;

TEST(Saved, ComesBackWhole) {
  for (Index keys : {0, 1, 64, 100, 700})
    for (bool rows : {false, true}) {
      Case<float> c = cache(keys), more = cache(200, 64, 48, 3);
      KeySketch s = sketch_of(c, rows), loaded(2, 64);
      ASSERT_EQ(loaded.load(saved(s)), Status::ok);
      EXPECT_EQ(saved(loaded), saved(s));
      append(s, more, 0, 200, rows), append(loaded, more, 0, 200, rows);
      EXPECT_EQ(saved(loaded), saved(s));
    }
}

void expect_not_loaded(const Bytes& bytes, KeySketch s) {
  const Bytes before = saved(s);
  EXPECT_EQ(s.load(bytes), Status::sketch_saved);
  EXPECT_TRUE(saved(s) == before);
}

TEST(Saved, OtherOptionsAreRefused) {
  Case<float> c = cache(100);
  const Bytes bytes = saved(sketch_of(c));
  for (const crest::SketchOptions options : {crest::SketchOptions{.bits = 1}, {.bits = 4}, {.seed = 2}})
    expect_not_loaded(bytes, KeySketch(2, 64, options));
  expect_not_loaded(bytes, KeySketch(1, 64));
  expect_not_loaded(bytes, KeySketch(2, 63));
}

TEST(Saved, TooFewBytesAreRefused) {
  Case<float> c = cache(100);
  const KeySketch s = sketch_of(c);
  const Bytes bytes = saved(s);
  for (std::size_t n :
       {std::size_t{0}, std::size_t{3}, sizeof(std::uint32_t), std::size_t{60}, bytes.size() / 2, bytes.size() - 1}) {
    expect_not_loaded({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)}, s);
    Bytes room(n);
    EXPECT_EQ(s.save(room), Status::sketch_saved);
    EXPECT_EQ(room, Bytes(n));
  }
}

/// A damaged header is refused, or describes a smaller sketch; nothing is read or written out of bounds.
TEST(Saved, DamagedHeadersDoNoHarm) {
  Case<float> c = cache(100);
  const Bytes bytes = saved(sketch_of(c));
  for (std::size_t i = 0; i < 72; ++i)
    for (int flip : {1, 0x80, 0xff}) {
      Bytes damaged = bytes;
      damaged[i] ^= static_cast<std::byte>(flip);
      KeySketch s(2, 64);
      if (i < 4) expect_not_loaded(damaged, s);
      EXPECT_TRUE(s.load(damaged) != Status::ok || s.saved_bytes() <= bytes.size()) << i;
    }
}

/// Output of a guided call, as bytes.
std::vector<unsigned char> guided(Case<f16>& c, const KeySketch& s) {
  test::Tensor<float> o({2, 1, 48});
  crest::Problem<f16> p = c.problem;
  p.sketch = &s, p.o = o.view(), p.lse = {}, p.error = {};
  crest::Serial serial;
  const crest::Report report = crest::attention(p, crest::guided, serial);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.fallbacks, 0);
  return o.bytes();
}

Case<f16> guided_cache() {
  Case<f16> c = cache<f16>(1600);
  c.v.fill([&](Index i, Index j, Index x) { return 1 + c.v.get(i, j, x); });
  return c;
}

TEST(Saved, GivesTheSameAnswersBitForBit) {
  Case<f16> c = guided_cache();
  for (bool rows : {false, true}) {
    const KeySketch s = sketch_of(c, rows);
    KeySketch loaded(2, 64);
    ASSERT_EQ(loaded.load(saved(s)), Status::ok);
    EXPECT_EQ(guided(c, loaded), guided(c, s));
  }
}

TEST(Concurrent, ConstUseIsSafe) {
  Case<f16> c = guided_cache();
  const KeySketch s = sketch_of(c);
  const auto wanted = guided(c, s);
  const Bytes bytes = saved(s);
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) {
          const KeySketch fork = s;
          wrong += guided(c, s) != wanted || guided(c, fork) != wanted || saved(s) != bytes;
        }
      });
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
