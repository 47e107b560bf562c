// Report::bytes_read against the loads a simulator counts: valgrind's lackey prints the address and size of every load
// of loads_program, and those inside K and V are added up. Valgrind knows no AVX-512, so this is for other backends.
#include <gtest/gtest.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

struct AddressRange {
  std::uint64_t first = 0, last = 0;
  bool holds(std::uint64_t at) const { return at >= first && at < last; }
};

/// Bytes loaded from K and V, and the bytes the Report claims.
struct Loads {
  AddressRange k, v;
  double loaded = 0, claimed = 0;

  void read_line(const char* line) {
    std::uint64_t at, end;
    unsigned size;
    if (std::sscanf(line, "k 0x%" SCNx64 " 0x%" SCNx64, &at, &end) == 2) k = {at, end};
    if (std::sscanf(line, "v 0x%" SCNx64 " 0x%" SCNx64, &at, &end) == 2) v = {at, end};
    if (std::sscanf(line, "read %" SCNu64, &at) == 1) claimed = static_cast<double>(at);
    if (std::sscanf(line, " L %" SCNx64 ",%u", &at, &size) == 2 && (k.holds(at) || v.holds(at))) loaded += size;
  }
};

Loads watch(const std::string& backend, const std::string& recipe) {
  const std::string command = "CREST_BACKEND=" + backend +
                              " valgrind --tool=lackey --trace-mem=yes " CREST_TEST_LOADS_PROGRAM " " + recipe +
                              " 2>&1";
  Loads loads;
  std::array<char, 256> line;
  FILE* pipe = popen(command.c_str(), "r");
  while (std::fgets(line.data(), line.size(), pipe)) loads.read_line(line.data());
  EXPECT_EQ(pclose(pipe), 0);
  return loads;
}

class Loaded : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::system("valgrind --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "valgrind is not installed";
  }
  void expect_claim_holds(const std::string& recipe) {
    const Loads loads = watch(GetParam(), recipe);
    ASSERT_GT(loads.claimed, 0);
    EXPECT_GE(loads.loaded, 0.95 * loads.claimed);
    EXPECT_LE(loads.loaded, 1.05 * loads.claimed);
  }
};

TEST_P(Loaded, ExactLoadsWhatItSays) { expect_claim_holds("exact"); }
TEST_P(Loaded, ClusteredLoadsWhatItSays) { expect_claim_holds("clustered"); }

INSTANTIATE_TEST_SUITE_P(Backends, Loaded, testing::Values("scalar", "avx2"));

}  // namespace
