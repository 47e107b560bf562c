// Loops over what this CPU can run.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "crest/attention.hpp"

namespace test {

/// Calls f(backend) for every backend this CPU supports; failures name it.
template <class F>
void for_each_backend(F&& f) {
  for (const crest::Backend& backend : crest::Backend::all()) {
    if (!backend.available()) continue;
    SCOPED_TRACE(std::string("backend ") + backend.name());
    f(backend);
  }
}

/// Runs on one backend; the call must succeed.
template <class T, class R = crest::Exact>
crest::Report run(const crest::Problem<T>& p, const R& recipe = crest::exact,
                  crest::Backend backend = crest::Backend::best()) {
  const crest::Report report = crest::attention(p, recipe, crest::this_thread_serial(), backend);
  EXPECT_TRUE(report.ok()) << crest::to_string(report.status);
  return report;
}

/// The same where only the output matters.
template <class T, class R = crest::Exact>
void compute(const crest::Problem<T>& p, const R& recipe = crest::exact,
             crest::Backend backend = crest::Backend::best()) {
  EXPECT_EQ(run(p, recipe, backend).rows, p.heads() * p.queries());
}

}  // namespace test
