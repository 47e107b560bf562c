// Executors: the same bits from each, safe side by side, and honest about memory.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <system_error>
#include <thread>

#include "crest/executors.hpp"
#include "support/compare.hpp"
#include "support/same_bits.hpp"

namespace {

using crest::Index;
using crest::Pool;
using crest::Serial;
using test::Case;

/// Runs its tasks backwards, and calls itself by a new thread number each time.
struct Backwards : Serial {
  Index size() const { return 7; }
  template <class F>
  void parallel(Index tasks, F&& f) {
    for (Index task = tasks; task-- > 0;) f(task % 7, task);
  }
};

/// One short-lived thread per task.
struct Scattered : Serial {
  Index size() const { return 64; }
  template <class F>
  void parallel(Index tasks, F&& f) {
    for (Index first = 0; first < tasks; first += 64) {
      std::vector<std::jthread> threads;
      for (Index task = first; task < std::min(tasks, first + 64); ++task)
        threads.emplace_back([&f, task, first] { f(task - first, task); });
    }
  }
};

/// Notes how much memory was asked for.
struct Measured : Serial {
  std::span<std::byte> scratch(std::size_t bytes) {
    asked = bytes;
    return Serial::scratch(bytes);
  }
  std::size_t asked = 0;
};

TEST(SameBits, Pool) {
  for (int threads : {1, 2, 3, 5}) {
    SCOPED_TRACE(threads);
    Pool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    test::expect_same_bits_as_serial(pool);
  }
}

TEST(SameBits, AnyOrderOfTasks) {
  Backwards backwards;
  test::expect_same_bits_as_serial(backwards);
}

TEST(SameBits, OneThreadPerTask) {
  Scattered scattered;
  test::expect_same_bits_as_serial(scattered);
}

TEST(SameBits, ExecutorsMayBeTemporaries) {
  Case<float> c;
  EXPECT_TRUE(crest::attention(c.problem, crest::exact, Pool(2)).ok());
  test::expect_close(c.problem);
}

TEST(Pool, RunsEveryTaskOnceOnAThreadOfItsOwn) {
  Pool pool(3);
  for (Index tasks : {0, 1, 2, 3, 1000}) {
    std::vector<std::atomic<int>> done(tasks);
    std::array<std::atomic<int>, 3> inside{};
    std::atomic<bool> shared = false;
    pool.parallel(tasks, [&](Index thread, Index task) {
      if (inside.at(thread).fetch_add(1) != 0) shared = true;
      done[task].fetch_add(1);
      inside.at(thread).fetch_sub(1);
    });
    for (const auto& n : done) EXPECT_EQ(n, 1);
    EXPECT_FALSE(shared);
  }
}

TEST(Pool, SurvivesManyShortRoundsAndSleep) {
  Pool pool(4);
  std::atomic<Index> sum = 0;
  for (Index round = 0; round < 3000; ++round) {
    if (round % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pool.parallel(5, [&](Index, Index task) { sum += task; });
  }
  EXPECT_EQ(sum, 3000 * 10);
}

TEST(Pool, MayBeDestroyedAtAnyTime) {
  for (int i = 0; i < 200; ++i) {
    Pool pool(1 + i % 4);
    if (i % 3 == 0) pool.parallel(8, [](Index, Index) {});
    if (i % 5 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/// Makes a pool too large for the memory there is. What has started by then must end, not wait for ever.
[[noreturn]] void exhaust_memory() {
  const rlimit enough{600u << 20, 600u << 20};
  setrlimit(RLIMIT_AS, &enough);
  try {
    const Pool pool(5000);
  } catch (const std::system_error&) {
    std::_Exit(3);
  }
  std::_Exit(0);
}

TEST(Pool, ThrowsWhenAThreadCannotBeStarted) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(exhaust_memory(), testing::ExitedWithCode(3), "");
}

#endif

TEST(Pool, OfNoThreadsIsTheCaller) { EXPECT_EQ(Pool(0).size(), 1); }

TEST(Concurrent, CallsOnDifferentExecutorsDoNotDisturbEachOther) {
  Serial serial;
  const test::Outcome wanted = test::outcome(crest::exact, serial);
  std::vector<test::Outcome> found(4);
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 4; ++i)
      callers.emplace_back([&found, i] {
        Pool pool(2);
        found[i] = i % 2 ? test::outcome(crest::exact, pool) : test::outcome(crest::exact, crest::this_thread_serial());
      });
  }
  for (const auto& one : found) test::expect_same(one, wanted);
}

TEST(Scratch, IsAlignedAndGrowsOnlyWhenItMust) {
  Serial serial;
  std::byte* first = serial.scratch(1000).data();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0u);
  EXPECT_EQ(serial.scratch(10).data(), first);
  EXPECT_EQ(serial.scratch(1000).data(), first);
  EXPECT_EQ(serial.scratch(100000).size(), 100000u);
}

TEST(Scratch, TooMuchGivesNothing) {
  Serial serial;
  const std::size_t absurd = std::size_t{1} << 62;
  EXPECT_TRUE(serial.scratch(absurd).empty());
  EXPECT_EQ(serial.scratch(64).size(), 64u);
}

template <class R>
void expect_scratch_bytes_is_what_is_asked(const R& recipe, Index queries = 1) {
  for (Index keys : {0, 10, 3000}) {
    Case<float> c({.shape = {.heads = 6, .kv_heads = 2, .queries = queries, .keys = keys}});
    Measured measured;
    EXPECT_TRUE(crest::attention(c.problem, recipe, measured).ok());
    EXPECT_EQ(measured.asked, crest::scratch_bytes(c.problem, recipe));
    EXPECT_GE(crest::scratch_bytes(c.problem, recipe, 8), measured.asked);
  }
}

TEST(Scratch, ScratchBytesTellsWhatACallAsksFor) {
  expect_scratch_bytes_is_what_is_asked(crest::exact);
  expect_scratch_bytes_is_what_is_asked(crest::clustered);
  expect_scratch_bytes_is_what_is_asked(crest::exact, 100);
  expect_scratch_bytes_is_what_is_asked(crest::sparse, 100);
  expect_scratch_bytes_is_what_is_asked(crest::mixed, 100);
}

TEST(Scratch, OfExactIsBoundedWhateverTheLength) {
  const auto bytes = [](Index keys) {
    Case<float> c({.shape = {.heads = 1, .kv_heads = 1, .keys = 1, .head_dim = 8, .value_dim = 8}});
    c.problem.k = {c.k.data(), {1, keys, 8}, {0, 0, 1}}, c.problem.v = {c.v.data(), {1, keys, 8}, {0, 0, 1}};
    return crest::scratch_bytes(c.problem);
  };
  EXPECT_EQ(bytes(1 << 20), bytes(1 << 24));
}

/// A float per visible key and head, and three bits per key of the cache.
TEST(Scratch, OfClusteredGrowsWithWhatIsSeen) {
  const auto bytes = [](Index keys) {
    Case<float> c({.shape = {.heads = 4, .kv_heads = 1, .keys = 1, .head_dim = 8, .value_dim = 8}});
    c.problem.k = {c.k.data(), {1, keys, 8}, {0, 0, 1}}, c.problem.v = {c.v.data(), {1, keys, 8}, {0, 0, 1}};
    c.problem.mask = {.causal = true, .window = 1000, .sinks = 24};
    return crest::scratch_bytes(c.problem, crest::clustered);
  };
  EXPECT_GE(bytes(1 << 20), 4u * 4 * 1024);
  EXPECT_LE(bytes(1 << 24) - bytes(1 << 20), 3u * ((1 << 24) - (1 << 20)) / 8 + 64);
}

}  // namespace
