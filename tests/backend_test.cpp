// Choosing a backend, and that the chosen one really runs. ctest runs this program several times, with CREST_BACKEND
// unset, set to each backend, and set to a name that does not exist.
#define CREST_USER_KERNELS "user_kernels.inl"
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "crest/probe.hpp"
#include "support/backends.hpp"
#include "support/case.hpp"
#include "support/compare.hpp"
#include "support/kernels.hpp"

namespace {

using crest::Backend;
using crest::Index;
using crest::Report;
using crest::Status;
using test::Case;

const test::Spec spec{.shape = {.heads = 4, .kv_heads = 1, .keys = 999, .head_dim = 100, .value_dim = 100}};

/// What CREST_BACKEND says, or nullptr.
const char* forced() { return std::getenv("CREST_BACKEND"); }

/// Whether two backends compute alike: "amx" is "avx512" but for the recipe mixed.
bool same_kernels(Backend a, Backend b) {
  const auto kernels = [](Backend x) { return x.tiles() ? Backend::named("avx512") : x; };
  return kernels(a) == kernels(b);
}

std::string text(const std::vector<unsigned char>& bytes) { return {bytes.begin(), bytes.end()}; }

/// Output bytes on a backend. Summation orders differ, so each backend leaves its own fingerprint.
std::string fingerprint(Backend backend) {
  const Case<float> c(spec);
  test::compute(c.problem, crest::exact, backend);
  return text(c.o.bytes());
}

TEST(Named, FindsEveryBackend) {
  for (const Backend& b : Backend::all()) EXPECT_EQ(Backend::named(b.name()), b);
}

TEST(Named, ScalarIsLastAndAlwaysThere) {
  ASSERT_FALSE(Backend::all().empty());
  EXPECT_STREQ(Backend::all().back().name(), "scalar");
  EXPECT_TRUE(Backend::named("scalar").available());
}

TEST(Named, UnknownNamesAreUnavailable) {
  for (const char* name : {"", "pdp11", "AVX2", "avx", "scalar "}) {
    EXPECT_FALSE(Backend::named(name).available()) << name;
    EXPECT_STREQ(Backend::named(name).name(), "unknown");
  }
  EXPECT_FALSE(Backend{}.available());
}

TEST(Best, IsTheFirstAvailableUnlessForced) {
  if (forced() != nullptr) GTEST_SKIP() << "CREST_BACKEND is set";
  for (const Backend& b : Backend::all()) {
    if (!b.available()) continue;
    EXPECT_EQ(Backend::best(), b);
    break;
  }
}

TEST(Forced, IsTheOneThatRuns) {
  if (forced() == nullptr) GTEST_SKIP() << "CREST_BACKEND is not set";
  const Case<float> c(spec);
  const Report report = crest::attention(c.problem);
  if (!Backend::named(forced()).available()) {
    EXPECT_EQ(report.status, Status::backend);
    EXPECT_TRUE(c.untouched());
    return;
  }
  EXPECT_STREQ(Backend::best().name(), forced());
  EXPECT_TRUE(report.ok());
  test::for_each_backend(
      [&](Backend b) { EXPECT_EQ(text(c.o.bytes()) == fingerprint(b), same_kernels(b, Backend::named(forced()))); });
}

TEST(Forced, AnUnavailableBackendRefusesBatchesToo) {
  if (Backend::best().available()) GTEST_SKIP() << "CREST_BACKEND does not name an unavailable one";
  std::vector<Case<float>> cases(2);
  const std::array problems{cases[0].problem, cases[1].problem};
  EXPECT_EQ(crest::attention(problems).status, Status::backend);
  EXPECT_EQ(crest::attention(problems, crest::clustered).status, Status::backend);
  EXPECT_TRUE(cases[0].untouched() && cases[1].untouched());
}

TEST(Fingerprints, DifferBetweenBackends) {
  std::map<std::string, std::string> met;
  test::for_each_backend([&](Backend b) {
    if (b.tiles()) return;  // the kernels of avx512, but for the recipe mixed
    EXPECT_TRUE(met.emplace(fingerprint(b), b.name()).second) << b.name();
  });
}

TEST(UserKernels, RunInTheRegionOfTheBackend) {
  const std::map<std::string, int> widths{{"scalar", 1}, {"neon", 4}, {"avx2", 8}, {"avx512", 16}, {"amx", 16}};
  const std::vector<float> ones(64, 1.0f);
  test::for_each_backend([&](Backend b) {
    int width = 0;
    float sum = 0;
    EXPECT_TRUE(crest::dispatch(b, [&](auto region) {
      width = vector_width(region);
      sum = vector_sum(region, ones.data(), 64);
    }));
    EXPECT_EQ(width, widths.at(b.name()));
    EXPECT_EQ(sum, 64);
  });
  EXPECT_FALSE(crest::dispatch(Backend{}, [](auto) { FAIL(); }));
}

/// Every way of multiplying 16-bit integers that this CPU has, at their largest: the codes of a cache times steps of a
/// query.
TEST(UserKernels, ProductsOfIntegersAreExact) {
  std::vector<std::int16_t> codes(32), steps(32);
  for (int i = 0; i < 32; ++i)
    codes[i] = static_cast<std::int16_t>(i % 3 ? -128 : 127), steps[i] = i % 2 ? 32767 : -32767;
  for (const Backend& b : Backend::all()) {
    if (!b.available()) continue;
    for (bool wide : {false, true}) {
      if (wide && std::string(b.name()).starts_with("avx512") && !crest::detail::this_cpu().vnni) continue;
      double sum = 0, wanted = 0;
      int width = 0;
      crest::dispatch(b, [&](auto region) {
        sum = short_products(region, wide, codes.data(), steps.data());
        width = vector_width(region);
      });
      for (int i = 0; i < 2 * width; ++i) wanted += double{static_cast<float>(codes[i])} * steps[i];
      EXPECT_NEAR(sum, wanted, 2 * width) << b.name() << (wide ? ", wide" : "") << ": lanes are rounded to floats";
    }
  }
}

TEST(Probe, FindsTheSameBackendsOnAHealthyMachine) {
  std::vector<bool> before;
  for (const Backend& b : Backend::all()) before.push_back(b.available());
  const Backend found = crest::probe();
  for (const Backend& b : Backend::all()) {
    if (b.tiles()) continue;
    EXPECT_EQ(b.available(), before[static_cast<std::size_t>(b.index)]) << b.name();
  }
  EXPECT_EQ(found, Backend::best());
}

/// Tile registers must be asked for: supported or not, they are out of use until probe() found them sound.
TEST(Probe, PutsTileRegistersInUse) {
  unsigned used_to_be = crest::probed().sound.exchange(0);
  for (const Backend& b : Backend::all()) {
    if (!b.tiles()) continue;
    EXPECT_STREQ(b.name(), "amx");
    const bool named = forced() != nullptr && std::string_view(forced()) == b.name();
    EXPECT_EQ(b.available(), named && crest::detail::Regions::supported(b.index));
    crest::probed().sound.fetch_or(1u << b.index);
    EXPECT_EQ(b.available(), crest::detail::Regions::supported(b.index));
    crest::probed().faulty.fetch_or(1u << b.index);
    EXPECT_FALSE(b.available());
    crest::probed().faulty.fetch_and(~(1u << b.index));
  }
  crest::probed().sound.store(used_to_be);
}

/// What probe() does with a faulty backend, without one at hand.
TEST(Probe, ABackendFoundFaultyIsOutOfUse) {
  const Backend scalar = Backend::named("scalar");
  crest::probed().faulty.fetch_or(1u << scalar.index);
  const Case<float> c;
  EXPECT_FALSE(scalar.available());
  EXPECT_EQ(crest::attention(c.problem, crest::exact, crest::this_thread_serial(), scalar).status, Status::backend);
  EXPECT_TRUE(c.untouched());
  crest::probed().faulty.fetch_and(~(1u << scalar.index));
  EXPECT_TRUE(scalar.available());
}

/// A user's own backend for whole Problems: writes the number of problems it was handed.
struct Accelerator {
  mutable int calls = 0;

  template <class T, class R, class E>
  Report run(std::span<const crest::Problem<T>> problems, const R&, E&) const {
    ++calls;
    for (const auto& p : problems) p.o(0, 0, 0) = static_cast<float>(problems.size());
    return {.rows = 42};
  }
};

TEST(ProblemBackend, IsHandedValidatedProblems) {
  Case<float> a, b;
  const Accelerator accelerator;
  EXPECT_EQ(crest::attention(a.problem, crest::exact, crest::this_thread_serial(), accelerator).rows, 42);
  EXPECT_EQ(a.o.get(0, 0, 0), 1);
  EXPECT_TRUE(
      crest::attention(std::array{a.problem, b.problem}, crest::clustered, crest::this_thread_serial(), accelerator)
          .ok());
  EXPECT_EQ(b.o.get(0, 0, 0), 2);
  a.problem.scale = NAN;
  EXPECT_EQ(crest::attention(a.problem, crest::exact, crest::this_thread_serial(), accelerator).status,
            Status::scale_not_finite);
  EXPECT_EQ(accelerator.calls, 2);
}

}  // namespace
