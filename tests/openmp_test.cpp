// The OpenMP executor, apart from the others: ThreadSanitizer does not know libgomp.
#include <gtest/gtest.h>

#include "crest/executors.hpp"
#include "support/same_bits.hpp"

namespace {

TEST(SameBits, OpenMP) {
  for (int threads : {1, 2, 3}) {
    SCOPED_TRACE(threads);
    crest::OpenMP openmp(threads);
    EXPECT_EQ(openmp.size(), threads);
    test::expect_same_bits_as_serial(openmp);
  }
}

TEST(OpenMP, OfNoThreadsIsTheCaller) { EXPECT_EQ(crest::OpenMP(0).size(), 1); }

}  // namespace
