// KeySketch: copies, edits, memory and refusals.
#include <gtest/gtest.h>

#include "support/short_memory.hpp"
#include "support/sketches.hpp"

namespace {

using crest::Index;
using crest::KeySketch;
using crest::Status;
using test::append;
using test::Bytes;
using test::cache;
using test::Case;
using test::content;
using test::part;
using test::saved;
using test::sketch_of;

/// Steps by which an 8-bit row may be off once its block's steps grew more than once.
constexpr double several_roundings = 2;

TEST(Edits, ACopyIsAFork) {
  Case<float> c = cache(300);
  KeySketch s = sketch_of(c);
  const Bytes before = saved(s);
  KeySketch fork = s;
  EXPECT_EQ(saved(fork), before);
  ASSERT_EQ(fork.truncate(100), Status::ok);
  append(fork, c, 0, 200);
  EXPECT_EQ(saved(s), before);
  const Bytes after = saved(fork);
  s.clear();
  EXPECT_EQ(saved(fork), after);
  s = fork;
  EXPECT_EQ(saved(s), after);
}

TEST(Edits, AMoveTakesEverythingAndThrowsNothing) {
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<KeySketch>);
  EXPECT_TRUE(std::is_nothrow_move_assignable_v<KeySketch>);
  Case<float> c = cache(300);
  KeySketch s = sketch_of(c);
  const Bytes before = saved(s);
  KeySketch moved = std::move(s);
  EXPECT_EQ(saved(moved), before);
  KeySketch assigned(1, 8);
  assigned = std::move(moved);
  EXPECT_EQ(saved(assigned), before);
  s = sketch_of(c);  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(saved(s) == before);
}

TEST(Edits, WhatWasMovedFromIsEmpty) {
  Case<float> c = cache(300);
  KeySketch s = sketch_of(c);
  const KeySketch moved = std::move(s);
  EXPECT_EQ(s.size(), 0);  // NOLINT(bugprone-use-after-move)
}

/// The first `cut` rows of one cache, then those of another.
Case<float> spliced(Case<float>& first, Index cut) {
  Case<float> c = cache(400, 64, 48, 2);
  for (Index h = 0; h < 2; ++h)
    for (Index j = 0; j < cut; ++j) {
      c.k.fill_row(h, j, [&](Index x) { return first.k.get(h, j, x); });
      c.v.fill_row(h, j, [&](Index x) { return first.v.get(h, j, x); });
    }
  return c;
}

/// Cuts at a block's border or among keys that wait for their block leave no trace.
TEST(Edits, TruncateAndAppendAnew) {
  constexpr struct {
    Index keys, cut;
  } cases[] = {{300, 0}, {300, 64}, {300, 256}, {300, 257}, {300, 299}, {300, 300}, {320, 256}, {320, 320}};
  for (bool rows : {false, true})
    for (const auto& [keys, cut] : cases) {
      Case<float> c = cache(400), anew = spliced(c, cut);
      KeySketch s(2, 64);
      append(s, c, 0, keys, rows);
      ASSERT_EQ(s.truncate(cut), Status::ok);
      EXPECT_EQ(s.size(), cut);
      append(s, anew, cut, 400, rows);
      EXPECT_TRUE(content(s) == content(sketch_of(anew, rows))) << keys << " cut to " << cut;
    }
}

/// A cut within a coded block keeps the block's mean: new keys are coded against it.
TEST(Edits, TruncateWithinABlockKeepsItsMean) {
  for (Index cut : {1, 63, 65, 100, 127}) {
    Case<float> c = cache(400), anew = spliced(c, cut);
    KeySketch s = sketch_of(c);
    ASSERT_EQ(s.truncate(cut), Status::ok);
    append(s, anew, cut, 400);
    EXPECT_EQ(s.view(0).coded, 384);
    EXPECT_LE(test::code_error(s, anew), 0.36) << cut;
    EXPECT_LE(test::row_error(s, anew), several_roundings) << cut;
    EXPECT_EQ(test::hashes(s), test::hashes(sketch_of(anew)));
  }
}

TEST(Edits, OverwriteCodedAndWaitingRows) {
  for (bool rows : {false, true}) {
    Case<float> c = cache(320), other = cache(320, 64, 48, 2);
    KeySketch s(2, 64);
    append(s, other, 0, 300, rows);
    for (Index first : {200, 0, 290}) {
      const auto k = part(c.k, first, std::min<Index>(300, first + 210)),
                 v = part(c.v, first, std::min<Index>(300, first + 210));
      ASSERT_EQ(rows ? s.overwrite(first, k, v) : s.overwrite(first, k), Status::ok);
    }
    append(s, c, 300, 320, rows);
    EXPECT_LE(test::code_error(s, c), 0.36);
    EXPECT_LE(rows ? test::row_error(s, c) : 0, several_roundings);
    EXPECT_EQ(test::hashes(s), test::hashes(sketch_of(c)));
    EXPECT_EQ(test::block_bytes(s, 4), test::block_bytes(sketch_of(c, rows), 4))
        << "it waited when its rows were overwritten";
  }
}

TEST(Edits, ClearStartsAnew) {
  Case<float> c = cache(300), narrow = cache(500, 64, 8), wide = cache(250, 64, 200);
  KeySketch s = sketch_of(c);
  for (Case<float>* next : {&narrow, &wide, &c, &wide, &narrow})
    for (bool rows : {true, false, true}) {
      s.clear();
      EXPECT_EQ(s.size(), 0);
      append(s, *next, 0, next->problem.keys(), rows);
      EXPECT_TRUE(content(s) == content(sketch_of(*next, rows))) << next->problem.value_dim();
    }
}

/// One row that is not finite makes its head unfit until it is gone with all others.
TEST(Edits, NonFiniteRowsAreRemembered) {
  for (float bad : {NAN, INFINITY})
    for (bool in_values : {false, true}) {
      Case<float> c = cache(100);
      (in_values ? c.v : c.k).set(1, 20, 3, bad);
      KeySketch s = sketch_of(c);
      EXPECT_TRUE(s.view(0).finite);
      EXPECT_FALSE(s.view(1).finite);
      s.clear();
      EXPECT_TRUE(s.view(1).finite);
    }
}

TEST(Memory, ReservedRoomIsEnough) {
  for (bool rows : {false, true}) {
    Case<float> c = cache(5000, 16, 16);
    KeySketch s(2, 16);
    append(s, c, 0, 1, rows);
    ASSERT_EQ(s.reserve(5000), Status::ok);
    const std::size_t bytes = s.bytes();
    const test::ShortOfMemory none(0);
    for (Index at = 1; at < 5000; at += 49) append(s, c, at, std::min<Index>(5000, at + 49), rows);
    EXPECT_EQ(s.bytes(), bytes);
    EXPECT_EQ(s.truncate(100), Status::ok);
    EXPECT_EQ(s.reserve(5000), Status::ok);
    s.clear();
    EXPECT_EQ(s.bytes(), bytes);
  }
}

TEST(Memory, BytesTellWhatIsAlive) {
  Case<float> c = cache(5000);
  for (bool rows : {false, true}) {
    const std::size_t before = test::bytes_alive;
    const KeySketch s = sketch_of(c, rows);
    const double alive = static_cast<double>(test::bytes_alive - before + sizeof s);
    EXPECT_GE(static_cast<double>(s.bytes()), 0.99 * alive);
    EXPECT_LE(static_cast<double>(s.bytes()), 1.01 * alive);
  }
}

/// head_dim / 4 + 4 + head_dim / 64 bytes per key and KV head at 2 bits; rows add head_dim + value_dim.
TEST(Memory, IsWhatTheHeaderPromises) {
  KeySketch s(1, 128);
  ASSERT_EQ(s.reserve(64 * 1024), Status::ok);
  EXPECT_LE(static_cast<double>(s.bytes()) / (64 * 1024), 1.03 * (32 + 4 + 2));
  Case<float> c({.shape = {.heads = 1, .kv_heads = 1, .keys = 1, .head_dim = 128, .value_dim = 128}});
  ASSERT_EQ(s.append(c.k.view(), c.v.view()), Status::ok);
  EXPECT_LE(static_cast<double>(s.bytes()) / (64 * 1024), 1.03 * (32 + 4 + 2 + 256));
}

/// What `edit` answers when `room` more allocations succeed; Status::backend when it throws.
template <class F>
Status when_short(KeySketch& s, long room, F&& edit) {
  const test::ShortOfMemory memory(room);
  try {
    return edit(s);
  } catch (const std::bad_alloc&) {
    return Status::backend;
  }
}

/// With room for 0, 1, 2 ... allocations, until it is enough.
template <class F>
void expect_refused_or_done(const KeySketch& start, F&& edit) {
  const Bytes before = saved(start);
  for (long room = 0;; ++room) {
    ASSERT_LT(room, 50);
    KeySketch s = start;
    const Status status = when_short(s, room, edit);
    if (status == Status::ok) return;
    ASSERT_STREQ(crest::to_string(status), crest::to_string(Status::out_of_memory));
    ASSERT_TRUE(saved(s) == before);
    ASSERT_EQ(edit(s), Status::ok) << "once there is memory again";
  }
}

TEST(Memory, WhenShortNothingChanges) {
  Case<float> c = cache(700);
  for (bool rows : {false, true}) {
    const auto append_rest = [&](KeySketch& s) {
      const auto k = part(c.k, s.size(), 700), v = part(c.v, s.size(), 700);
      return rows ? s.append(k, v) : s.append(k);
    };
    const KeySketch empty(2, 64), full = sketch_of(c, rows);
    const Bytes bytes = saved(full);
    KeySketch begun = empty;
    append(begun, c, 0, 100, rows);
    expect_refused_or_done(empty, append_rest);
    expect_refused_or_done(begun, append_rest);
    expect_refused_or_done(begun, [](KeySketch& s) { return s.reserve(10000); });
    expect_refused_or_done(begun, [&](KeySketch& s) { return s.load(bytes); });
  }
}

TEST(Memory, AbsurdReservationsAreRefused) {
  for (Index keys : {Index{1} << 40, Index{1} << 62, std::numeric_limits<Index>::max()}) {
    KeySketch s(4, 48);
    EXPECT_NE(s.reserve(keys), Status::ok) << keys;
    EXPECT_LT(s.bytes(), 100000u);
  }
}

/// Calls `edit` on a sketch of 100 keys with rows; it must be refused with `wanted`, and change nothing.
template <class F>
void expect_refusal(Status wanted, F&& edit) {
  static Case<float> c = cache(100);
  KeySketch s = sketch_of(c);
  const Bytes before = saved(s);
  EXPECT_STREQ(crest::to_string(edit(s)), crest::to_string(wanted));
  EXPECT_TRUE(saved(s) == before);
}

/// Views of `keys` rows; some test takes away their data or their contiguity.
struct Views {
  Case<float> c;
  crest::TensorView<const float, 3> k, v;
  explicit Views(test::Shape shape) : c({.shape = shape}), k(c.problem.k), v(c.problem.v) {}
};
constexpr test::Shape good{.heads = 2, .kv_heads = 2, .keys = 5, .head_dim = 64, .value_dim = 48};

template <class F>
void expect_rows_refused(Status wanted, test::Shape shape, F&& spoil) {
  Views views(shape);
  spoil(views);
  expect_refusal(wanted, [&](KeySketch& s) { return s.append(views.k, views.v); });
  expect_refusal(wanted, [&](KeySketch& s) { return s.overwrite(10, views.k, views.v); });
}

TEST(Refusals, RowsOfAnotherShape) {
  const auto as_is = [](Views&) {};
  const auto shape = [](auto&& change) {
    test::Shape s = good;
    change(s);
    return s;
  };
  expect_rows_refused(Status::sketch_kv_heads, shape([](test::Shape& s) { s.heads = s.kv_heads = 3; }), as_is);
  expect_rows_refused(Status::sketch_head_dim, shape([](test::Shape& s) { s.head_dim = 63; }), as_is);
  expect_rows_refused(Status::sketch_value_dim, shape([](test::Shape& s) { s.value_dim = 47; }), as_is);
  expect_rows_refused(Status::sketch_rows, good, [](Views& r) { r.v = {}; });
  expect_rows_refused(Status::v_kv_heads, good, [](Views& r) { r.v = {r.v.data_handle(), {1, 5, 48}}; });
  expect_rows_refused(Status::v_keys, good, [](Views& r) { r.v = {r.v.data_handle(), {2, 4, 48}}; });
  expect_rows_refused(Status::k_null, good, [](Views& r) { r.k = {nullptr, {2, 5, 64}}; });
  expect_rows_refused(Status::v_null, good, [](Views& r) { r.v = {nullptr, {2, 5, 48}}; });
  expect_rows_refused(Status::k_stride, good, [](Views& r) { r.k = {r.k.data_handle(), {2, 2, 64}, {128, 64, 2}}; });
  expect_rows_refused(Status::v_stride, good, [](Views& r) { r.v = {r.v.data_handle(), {2, 5, 48}, {48, 48, 2}}; });
}

TEST(Refusals, ValuesWhereThereAreNoRows) {
  Case<float> c = cache(100);
  KeySketch s = sketch_of(c, false);
  EXPECT_EQ(s.append(c.k.view(), c.v.view()), Status::sketch_rows);
  EXPECT_EQ(s.overwrite(0, c.k.view(), c.v.view()), Status::sketch_rows);
  EXPECT_EQ(content(s), content(sketch_of(c, false)));
}

TEST(Refusals, KeysOutsideTheSketch) {
  Views rows(good);
  for (Index first : {Index{-1}, Index{96}, Index{100}, std::numeric_limits<Index>::max()})
    expect_refusal(Status::sketch_range, [&](KeySketch& s) { return s.overwrite(first, rows.k, rows.v); });
  for (Index keys : {-1, 101}) expect_refusal(Status::sketch_range, [&](KeySketch& s) { return s.truncate(keys); });
  expect_refusal(Status::sketch_range, [&](KeySketch& s) { return s.reserve(-1); });
}

Status first_append(Index kv_heads, Index head_dim, crest::SketchOptions options = {}) {
  Views rows(good);
  KeySketch s(kv_heads, head_dim, options);
  EXPECT_EQ(s.reserve(100), s.append(rows.k));
  EXPECT_EQ(s.size(), 0);
  return s.append(rows.k);
}

TEST(Refusals, AMistakenConstruction) {
  for (Index wrong : {-1, 0}) {
    EXPECT_EQ(first_append(wrong, 64), Status::sketch_kv_heads);
    EXPECT_EQ(first_append(2, wrong), Status::sketch_head_dim);
  }
  for (int bits : {-1, 0, 3, 5, 8, 64}) EXPECT_EQ(first_append(2, 64, {.bits = bits}), Status::sketch_bits) << bits;
  crest::SketchBasis basis;
  basis.bits.assign(16, 2);
  EXPECT_EQ(first_append(2, 64, {.basis = &basis}), Status::sketch_basis);
  KeySketch none;
  EXPECT_EQ(none.append(Views(good).k), Status::sketch_kv_heads);
}

}  // namespace
