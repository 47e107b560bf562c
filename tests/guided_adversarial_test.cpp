// guided on inputs made to mislead it, and with sketches that no longer describe the cache: what is told is true to a
// factor of three, or the row was done exactly.
#include <gtest/gtest.h>

#include "support/sketched.hpp"

namespace {

using crest::guided;
using crest::Index;
using crest::KeySketch;
using crest::Report;
using test::Spec;
using test::typical;
using Sketched = test::Sketched<float>;

/// Errors below this mislead nobody, whatever was told.
constexpr double negligible = 1e-3;

/// Rebuilds the sketch after `spoil(s)` changed the cache, and runs a few seeds on every backend.
template <class F>
void expect_honest(const std::string& what, F&& spoil, const Spec& spec = typical) {
  for (bool rows : {false, true}) {
    SCOPED_TRACE(what + (rows ? ", 8-bit rows" : ", rows"));
    Sketched s(spec, rows);
    spoil(s);
    s.rebuild(rows);
    const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
    test::for_each_backend([&](crest::Backend backend) {
      for (std::uint64_t seed = 0; seed < 5; ++seed) {
        test::compute(s.problem, guided.with({.seed = seed}), backend);
        test::expect_told(s.problem, wanted, 3, negligible);
      }
    });
  }
}

/// k_j += size * q / |q| for one query head's KV head: a score of size * |q| * scale more.
void point_at_query(Sketched& s, Index head, Index j, float size) {
  double square = 0;
  for (Index x = 0; x < 64; ++x) square += std::pow(s.c.q.get(head, 0, x), 2);
  const float each = size / static_cast<float>(std::sqrt(square));
  s.c.k.fill_row(head / 3, j, [&](Index x) { return s.c.k.get(head / 3, j, x) + each * s.c.q.get(head, 0, x); });
}

TEST(Adversarial, OneHugeKey) {
  for (float size : {30.0f, 1000.0f})
    expect_honest("huge key", [=](Sketched& s) {
      for (Index i = 0; i < 2; ++i) s.c.k.fill_row(i, 1234, [&](Index x) { return size * s.c.k.get(i, 1234, x); });
    });
}

TEST(Adversarial, AllKeysEqual) {
  expect_honest("equal keys",
                [](Sketched& s) { s.c.k.fill([&](Index i, Index, Index x) { return s.c.k.get(i, 7, x); }); });
  expect_honest("zero keys", [](Sketched& s) { s.c.k.fill([](Index, Index, Index) { return 0.0f; }); });
  expect_honest("zero queries", [](Sketched& s) { s.c.q.fill([](Index, Index, Index) { return 0.0f; }); });
}

TEST(Adversarial, KeysThatComeAgainAndAgain) {
  for (Index period : {2, 16, 64, 100})
    expect_honest("period " + std::to_string(period), [=](Sketched& s) {
      s.c.k.fill([&](Index i, Index j, Index x) { return s.c.k.get(i, j % period, x); });
    });
}

/// Wherever it stands: coded, waiting for its block, always kept or not.
TEST(Adversarial, TheOnlyKeyThatMatters) {
  for (bool rows : {false, true})
    for (Index j : {0, 63, 64, 1000, 2559, 2560, 2599}) {
      SCOPED_TRACE(j);
      Sketched s(typical, rows);
      for (Index head = 0; head < 6; head += 3) point_at_query(s, head, j, 16);
      s.rebuild(rows);
      const Report report = test::run(s.problem, guided.with({.keep_first = 0, .keep_last = 0}));
      EXPECT_EQ(report.fallbacks, 0);
      test::expect_told(s.problem, oracle::solve(s.problem), 3, negligible);
    }
}

/// Far above thousands of keys before it, it weighs one, and is read from the cache, not from rounded rows.
TEST(Adversarial, AGiantBehindManyIsReadAsItIs) {
  Sketched s(typical, true);
  for (Index head = 0; head < 6; head += 3) point_at_query(s, head, 2400, 100);
  for (Index head : {1, 2, 4, 5}) s.c.q.fill_row(head, 0, [](Index) { return 0.0f; });  // to them it is like any other
  s.rebuild(true);
  const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
  test::for_each_backend([&](crest::Backend backend) {
    test::compute(s.problem, guided, backend);
    for (Index head = 0; head < 6; head += 3)
      EXPECT_LE(test::head_error(s.problem, head, 0, wanted[head].o), 1e-5) << head;
  });
}

/// A key that would take all the mass, had it not been masked: others of its block are seen.
TEST(Adversarial, AMaskedGiantDoesNotSpoilTheDraw) {
  for (bool rows : {false, true}) {
    Spec spec = typical;
    spec.mask = {.window = 1700};
    Sketched s(spec, rows);
    const float before = test::run(s.problem, guided.with({.budget = 0.3f})).worst_error;
    for (Index head = 0; head < 6; head += 3) point_at_query(s, head, 897, 30);
    s.rebuild(rows);
    const Report report = test::run(s.problem, guided.with({.budget = 0.3f}));
    EXPECT_EQ(report.fallbacks, 0);
    EXPECT_LE(report.worst_error, 1.5 * before);
  }
}

/// The other keys of its block point the other way, so that the block's mean says nothing of it.
TEST(Adversarial, ASpikeThatTheMeanOfItsBlockHides) {
  for (float size : {5.0f, 10.0f, 20.0f})
    expect_honest("spike " + std::to_string(size), [=](Sketched& s) {
      for (Index j = 640; j < 704; ++j) point_at_query(s, 1, j, j == 675 ? size : -size / 63);
    });
}

/// Much of the spike lies across the query, where it only makes the codes coarser.
TEST(Adversarial, ASpikeBehindNoise) {
  for (float noise : {3.0f, 6.0f})
    expect_honest("noise " + std::to_string(noise), [=](Sketched& s) {
      s.c.k.fill_row(0, 675, [&](Index x) { return noise * s.c.k.get(0, 675, x); });
      point_at_query(s, 1, 675, 10);
    });
}

/// Scores from hardly any differences to a few tens of nats; where the sketch cannot resolve them, exact must step in.
TEST(Adversarial, ScoresTooSharpForTheSketch) {
  for (float spread : {5.0f, 8.0f, 16.0f, 100.0f, 1e4f}) {
    Spec spec = typical;
    spec.spread = spread;
    expect_honest(
        "spread " + std::to_string(spread), [](Sketched&) {}, spec);
  }
}

TEST(Adversarial, ExtremeScales) {
  for (float scale : {1e-20f, 1e-10f, 1e4f, 1e15f}) {
    const auto scaled = [=](auto member) {
      return [=](Sketched& s) {
        auto& t = s.c.*member;
        t.fill([&](Index i, Index j, Index x) { return scale * t.get(i, j, x); });
      };
    };
    expect_honest("keys * " + std::to_string(scale), scaled(&test::Case<float>::k));
    expect_honest("values * " + std::to_string(scale), scaled(&test::Case<float>::v));
    expect_honest("queries * " + std::to_string(scale), scaled(&test::Case<float>::q));
  }
}

TEST(Adversarial, HeavyTails) {
  Spec spec = typical;
  spec.data = test::Data::heavy;
  for (float spread : {0.5f, 1.0f, 2.0f}) {
    spec.spread = spread;
    expect_honest(
        "heavy tails", [](Sketched&) {}, spec);
  }
}

/// Values that cancel: the output is short, and so what is told is long.
TEST(Adversarial, ValuesThatCancel) {
  expect_honest("alternating values", [](Sketched& s) {
    s.c.v.fill([&](Index i, Index j, Index x) { return (j % 2 ? 1.0f : -1.0f) * s.c.v.get(i, j, x); });
  });
  expect_honest("no values", [](Sketched& s) { s.c.v.fill([](Index, Index, Index) { return 0.0f; }); });
}

/// A giant value is told where its key is read. Nobody sees one that is not, but over many seeds it counts what it
/// should.
TEST(Adversarial, OneGiantValueCountsInTheMean) {
  Sketched s(typical);
  s.c.v.fill_row(0, 1300, [](Index) { return 300.0f; });
  point_at_query(s, 1, 1300, 5);
  s.rebuild(false);
  const double wanted = oracle::solve(s.problem)[1].o[5];
  double sum = 0, square = 0;
  constexpr int seeds = 600;
  for (int seed = 0; seed < seeds; ++seed) {
    test::compute(s.problem, guided.with({.seed = static_cast<std::uint64_t>(seed)}));
    sum += s.problem.o(1, 0, 5), square += std::pow(s.problem.o(1, 0, 5), 2);
  }
  const double mean = sum / seeds, chance = std::sqrt((square / seeds - mean * mean) / seeds);
  EXPECT_NEAR(mean, wanted, 5 * chance + 0.02 * wanted);
}

// --- sketches that no longer fit

/// Rewrites one key, and its value where there are 8-bit rows, behind the sketch.
void rewrite(Sketched& s, Index kv_head, Index j) {
  s.c.k.fill_row(kv_head, j, [&](Index x) { return s.c.k.get(kv_head, j, x) + 0.25f; });
}

/// Calls until some row falls back; 257 when none of 256 does.
int calls_until_noticed(Sketched& s) {
  for (int call = 1; call <= 256; ++call)
    if (test::run(s.problem, guided).fallbacks > 0) return call;
  return 257;
}

TEST(Stale, EveryRewriteIsNoticedWithin256Calls) {
  for (bool rows : {false, true})
    for (Index j = 3; j < 2600; j += 97) {
      Sketched s(typical, rows);
      for (Index skip = 0; skip < j % 5; ++skip) test::compute(s.problem, guided);
      rewrite(s, j % 2, j);
      EXPECT_LE(calls_until_noticed(s), 256) << j;
    }
}

TEST(Stale, AskingForScratchBytesDoesNotSkipRows) {
  Sketched s(typical, true);
  rewrite(s, 0, 1000);
  bool noticed = false;
  for (int call = 0; call < 256 && !noticed; ++call) {
    EXPECT_GT(crest::scratch_bytes(s.problem, guided), 0u);
    noticed = test::run(s.problem, guided).fallbacks > 0;
  }
  EXPECT_TRUE(noticed);
}

TEST(Stale, RowsReadExactlyAreNoticedAtOnce) {
  for (Index keys : {2600, 2560})
    for (Index j : {keys - 1, keys - 2, Index{0}, Index{3}})
      for (bool rows : {false, true}) {
        Spec spec = typical;
        spec.shape.keys = keys;
        Sketched s(spec, rows);
        const bool exact = !rows || j > 4;
        rewrite(s, 1, j);
        const std::vector<oracle::Row> wanted = oracle::solve(s.problem);
        const Report report = test::run(s.problem, guided);
        EXPECT_TRUE(report.fallbacks == 3 || !exact) << keys << ", key " << j;
        if (report.fallbacks == 3) {
          EXPECT_LE(test::relative_l2(s.problem, 4, 0, wanted[4]), test::exact_tolerance);
        }
      }
}

/// The heaviest keys are read from the cache even where there are 8-bit rows.
TEST(Stale, TheHeaviestKeyIsNoticedAtOnce) {
  for (bool rows : {false, true}) {
    Sketched s(typical, rows);
    point_at_query(s, 1, 1300, 12);
    s.rebuild(rows);
    EXPECT_EQ(test::run(s.problem, guided).fallbacks, 0);
    rewrite(s, 0, 1300);
    EXPECT_EQ(test::run(s.problem, guided).fallbacks, rows ? 3 : 0) << "drawn rows are taken as they are";
  }
}

TEST(Stale, ToldRewritesAreFine) {
  for (bool rows : {false, true}) {
    Sketched s(typical, rows);
    for (Index j : {0, 700, 1300, 2599}) {
      rewrite(s, 0, j), rewrite(s, 1, j);
      const auto row = [&](const auto& all) {
        return crest::TensorView<const float, 3>(all.data_handle() + j * all.stride(1), {2, 1, all.extent(2)},
                                                 {all.stride(0), all.stride(1), 1});
      };
      EXPECT_EQ(
          rows ? s.sketch.overwrite(j, row(s.problem.k), row(s.problem.v)) : s.sketch.overwrite(j, row(s.problem.k)),
          crest::Status::ok);
    }
    EXPECT_EQ(calls_until_noticed(s), 257);
    test::expect_told(s.problem, oracle::solve(s.problem));
  }
}

// --- a sequence that is edited while it is decoded

/// A cache with room to grow, and the sketch that follows it.
class Sequence {
 public:
  explicit Sequence(bool rows)
      : rows_(rows), s_({.shape = {.heads = 6, .kv_heads = 2, .keys = room}, .seed = 9, .spread = 2}, rows) {
    EXPECT_EQ(s_.sketch.truncate(2000), crest::Status::ok);
  }

  void step(test::Random& random) {
    const Index what = random.below(4), n = s_.sketch.size();
    if (what == 0) return cut(n - random.below(what_fits(n)));
    if (what == 1) return write(random.below(n - 80), 1 + random.below(80), true);
    write(n, 1 + random.below(std::min<Index>(200, room - n)), false);
  }
  /// Decodes with the sketch that was edited and with a new one.
  void check() {
    const Index n = s_.sketch.size();
    test::Case<float>& c = s_.c;
    c.problem.k = rows_of(c.k, 0, n), c.problem.v = rows_of(c.v, 0, n);
    const std::vector<oracle::Row> wanted = oracle::solve(c.problem);
    const Report edited = test::run(c.problem, guided.with({.budget = 0.25f}));
    test::expect_told(c.problem, wanted);
    EXPECT_EQ(edited.fallbacks, 0);
    KeySketch fresh(2, 32);
    EXPECT_EQ(rows_ ? fresh.append(c.problem.k, c.problem.v) : fresh.append(c.problem.k), crest::Status::ok);
    const auto before = c.o.bytes();
    c.problem.sketch = &fresh;
    const Report rebuilt = test::run(c.problem, guided.with({.budget = 0.25f}));
    test::expect_told(c.problem, wanted);
    EXPECT_LE(edited.worst_error, 1.7 * rebuilt.worst_error);
    EXPECT_TRUE(mixed_ || c.o.bytes() == before);
    c.problem.sketch = &s_.sketch;
  }

 private:
  static constexpr Index room = 3000;

  static Index what_fits(Index n) { return std::max<Index>(1, std::min<Index>(300, n - 1900)); }
  static crest::TensorView<const float, 3> rows_of(test::Tensor<float>& t, Index first, Index count) {
    const auto all = t.view();
    return {all.data_handle() + first * all.stride(1), {2, count, all.extent(2)}, {all.stride(0), all.stride(1), 1}};
  }
  void cut(Index keys) {
    mixed_ |= keys % 64 != 0 && keys < s_.sketch.view(0).coded;
    EXPECT_EQ(s_.sketch.truncate(keys), crest::Status::ok);
  }
  /// New rows at first, first + 1 ...
  void write(Index first, Index count, bool over) {
    test::Random random(static_cast<std::uint64_t>(first * 1000 + count));
    for (Index j = first; j < first + count; ++j)
      for (Index i = 0; i < 2; ++i) s_.c.k.fill_row(i, j, [&](Index) { return random.normal(); });
    const auto k = rows_of(s_.c.k, first, count), v = rows_of(s_.c.v, first, count);
    mixed_ |= over && first < s_.sketch.view(0).coded;
    EXPECT_EQ(over    ? rows_ ? s_.sketch.overwrite(first, k, v) : s_.sketch.overwrite(first, k)
                 : rows_ ? s_.sketch.append(k, v)
                      : s_.sketch.append(k),
              crest::Status::ok);
  }

  bool rows_, mixed_ = false;  ///< mixed: some block's mean is not that of its keys
  Sketched s_;
};

TEST(Edited, SketchesDecodeLikeNewOnes) {
  for (bool rows : {false, true}) {
    Sequence sequence(rows);
    test::Random random(rows ? 5 : 6);
    for (int i = 0; i < 40; ++i) {
      SCOPED_TRACE(i);
      sequence.step(random);
      if (i % 2) sequence.check();
    }
  }
}

}  // namespace
